/**
 * A proxier whose own metrics contradict each other.
 *
 * @module
 */
import { defineProxier } from "weir";

export default defineProxier({
  name: "moody-proxier",
  version: "0.1.0",
  api: 1,
  resync(_, { metric }) {
    metric.gauge("mood", 1, { weather: "fair" });
    metric.gauge("mood", 1);
  },
  apply: () => {},
  explain: () => [],
  cleanup: () => {},
});
