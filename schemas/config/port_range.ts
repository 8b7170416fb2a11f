/**
 * The ports of userspace mode, as `portRange` has them.
 *
 * @module
 */

const PORT = /^\d{1,5}$/;

/**
 * Says why a text is no range of ports.
 *
 * @param text `a-b`, `a+n` (up to a + n), one port, or "", 0 or 0-0 for any.
 * @returns The reason, or undefined when it is one.
 */
export function portRangeFault(text: string): string | undefined {
  if (text === "") return undefined;
  const [from = "", to, ...more] = text.split(/[-+]/).map((part) => part.trim());
  const fault = "it is no range of ports such as 30000-32000, 30000+100 or 30000";
  if (more.length > 0 || !PORT.test(from) || (to !== undefined && !PORT.test(to))) return fault;
  const first = Number(from);
  const last = to === undefined ? first : text.includes("+") ? first + Number(to) : Number(to);
  if (first > 65535) return `${first} is no port up to 65535`;
  // As utilnet.ParsePortRange: an offset beyond the last port ends there.
  if (text.includes("-") && last > 65535) return `${last} is no port up to 65535`;
  return last < first ? `${last} is below ${first}` : undefined;
}
