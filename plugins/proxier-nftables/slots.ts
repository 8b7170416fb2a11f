/**
 * Which endpoint sits in which slot, such that a change moves as few as possible.
 *
 * @module
 */
import type { IpFamily } from "weir";
import { recordLength } from "./service_state.ts";

/** Address and port of a record: what the kernel's map holds. */
function place(slots: string, at: number, size: number): string {
  return slots.slice(at, at + size - 1);
}

/**
 * Arranges a set's endpoints: those that stay keep their slots, the holes are filled from the end,
 * then with newcomers.
 *
 * @param before The records that are in the kernel.
 * @param wanted The records that are to be there, in any order, none twice.
 * @param family Of the service port.
 * @returns The wanted records in their slots; `before` itself when they are the same.
 */
export function arrange(before: string, wanted: string, family: IpFamily): string {
  if (before === wanted || before === "" || wanted === "") return wanted;
  const size = recordLength(family);
  const live = wanted.length / size;
  /** Each wanted endpoint's record, by place; what is left are newcomers. */
  const left = new Map<string, string>();
  for (let at = 0; at < wanted.length; at += size) {
    left.set(place(wanted, at, size), wanted.slice(at, at + size));
  }
  const slots: (string | undefined)[] = [];
  const moved: string[] = [];
  for (let index = 0; index < Math.max(before.length / size, live); index++) {
    const key = place(before, index * size, size);
    const record = left.get(key);
    if (record !== undefined) left.delete(key);
    if (index < live) slots.push(record);
    else if (record !== undefined) moved.push(record);
  }
  const fill = [...moved, ...left.values()];
  let next = 0;
  const arranged = slots.map((record) => record ?? fill[next++] ?? "").join("");
  return arranged === before ? before : arranged;
}
