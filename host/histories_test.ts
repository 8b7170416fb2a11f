import { checkHistories } from "./histories.ts";

// Other histories, or more of them, by hand:
//   deno eval 'import { checkHistories } from "./host/histories.ts"; checkHistories(21, 100_000)'
Deno.test("Whatever happens in whatever order, a plugin ends up knowing what a fresh start would tell it", () => {
  checkHistories(20, 10_000);
});
