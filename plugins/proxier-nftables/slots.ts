/**
 * Which endpoint sits in which slot, such that a change moves as few as possible.
 *
 * @module
 */
import { liveSlots, recordLength, type ServiceState } from "./service_state.ts";

/** Address and port of a record: what the kernel's map holds. */
function place(slots: string, at: number, size: number): string {
  return slots.slice(at, at + size - 1);
}

/**
 * Arranges a service port's endpoints: those that stay keep their slots, the holes are filled from
 * the end, then with newcomers.
 *
 * A packet looks up the count first and the slot afterwards, and between the two the kernel may
 * have gone over to the next generation. After a shrink such a packet would find nothing in a slot
 * that is gone. Therefore those slots stay, spare, each pointing at a live endpoint; the next
 * change of the service port takes them away, since by then no packet holds the old count.
 *
 * @param before What is in the kernel; its outcome is balance.
 * @param wanted What the view wants, in any order; its outcome is balance.
 * @returns `wanted` with its slots arranged; `before` itself when nothing changed at all.
 */
export function arrange(before: ServiceState, wanted: ServiceState): ServiceState {
  const size = recordLength(wanted.family);
  const oldLive = liveSlots(before);
  const live = liveSlots(wanted);
  /** Each wanted endpoint's record, by place; what is left are newcomers. */
  const left = new Map<string, string>();
  for (let at = 0; at < wanted.slots.length; at += size) {
    left.set(place(wanted.slots, at, size), wanted.slots.slice(at, at + size));
  }
  const slots: (string | undefined)[] = [];
  const spares: (string | undefined)[] = [];
  const moved: string[] = [];
  let same = oldLive === live;
  for (let index = 0; index < Math.max(oldLive, live); index++) {
    const at = index * size;
    const key = index < oldLive ? place(before.slots, at, size) : "";
    const record = left.get(key);
    if (record !== undefined) left.delete(key);
    if (index < live) slots.push(record);
    else {
      spares.push(record);
      if (record !== undefined) moved.push(record);
    }
    same &&= record !== undefined && record === before.slots.slice(at, at + size);
  }
  if (same) return before;
  const fill = [...moved, ...left.values()];
  let next = 0;
  const filled = slots.map((record) => record ?? fill[next++] ?? "");
  const spare = spares.map((record, index) => record ?? filled[index % live] ?? "");
  return { ...wanted, slots: [...filled, ...spare].join(""), spares: spare.length };
}
