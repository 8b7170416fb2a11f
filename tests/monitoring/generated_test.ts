import assert from "node:assert/strict";
import { parse } from "yaml";
import type { MetricRow } from "../../host/telemetry/metric_row.ts";
import { METRICS } from "../../host/telemetry/metric_table.ts";
import { ALERTS, rulesFile } from "./alert.ts";
import { dashboard } from "./dashboard.ts";
import { generated, PAGE } from "./generate.ts";

const rows: readonly MetricRow[] = Object.values(METRICS);

/** deno fmt pads the cells of Markdown's tables. */
function unpadded(text: string): string {
  return text.replace(/ *\| */g, "|").replace(/-{3,}/g, "---").replace(/\n{2,}/g, "\n");
}

for (const url of generated("").keys()) {
  const name = url.pathname.split("/").slice(-3).join("/");
  Deno.test(`${name} is what deno task generate makes of the metric table`, async () => {
    const page = await Deno.readTextFile(PAGE);
    const wanted = generated(page).get(url) ?? "";
    const is = await Deno.readTextFile(url);
    if (name.endsWith(".json")) assert.deepEqual(JSON.parse(is), JSON.parse(wanted));
    else assert.equal(unpadded(is), unpadded(wanted));
  });
}

/** The names of metrics in a query, without what histograms add. */
function namesIn(expression: string): string[] {
  return [...expression.matchAll(/\b(?:kubeproxy|weir|rest_client|process|kubernetes)_[a-z_]+/g)]
    .map(([name]) => name.replace(/_bucket$/, ""));
}

for (const { name, expression, summary, description } of ALERTS) {
  Deno.test(`the alert ${name} asks for metrics that there are, and says what to do`, () => {
    const asked = namesIn(expression);
    assert.notEqual(asked.length, 0);
    for (const each of asked) assert.ok(rows.some((row) => row.name === each), each);
    for (const [, label] of summary.matchAll(/\$labels\.(\w+)/g)) {
      const known = ["instance", ...rows.find((row) => row.name === asked[0])?.labels ?? []];
      assert.ok(known.includes(label ?? ""), `there is no label ${label}`);
    }
    assert.match(description, /\.$/);
  });
}

Deno.test("the rules' file is YAML that says what the alerts say", () => {
  const { groups: [{ rules }] } = parse(rulesFile(ALERTS));
  assert.deepEqual(
    rules.map(({ alert, expr }: { alert: string; expr: string }) => [alert, expr]),
    ALERTS.map(({ name, expression }) => [name, expression]),
  );
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly h: number;
    readonly w: number;
    readonly x: number;
    readonly y: number;
  };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const panels = dashboard().panels as readonly Panel[];

Deno.test("every metric that something moves has one panel, and says there what it is", () => {
  const shown = panels.flatMap((
    { targets = [] },
  ) => [...new Set(targets.flatMap(({ expr }) => namesIn(expr)))]);
  const wanted = rows.filter(({ constant }) => constant === undefined).map(({ name }) => name);
  assert.deepEqual(shown.sort(), wanted.sort());
  for (const { type, description } of panels) {
    assert.equal(description === undefined, type === "row");
  }
});

Deno.test("the panels have places of their own within the grid, and queries names of their own", () => {
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = new Set<string>();
  for (const { gridPos: { h, w, x, y }, targets = [] } of panels) {
    assert.ok(x + w <= 24);
    for (let row = y; row < y + h; row++) {
      for (let column = x; column < x + w; column++) {
        assert.ok(!cells.has(`${row} ${column}`), `two panels at ${row} ${column}`);
        cells.add(`${row} ${column}`);
      }
    }
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
  }
});
