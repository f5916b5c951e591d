import type { Alert, AlertPanel } from "./alert.ts";
import { exporters } from "./alert.ts";
import type { AlertVariables } from "./variables.ts";

/** A graph shows the worst of them: with thousands of series nobody sees one, and the browser stops. */
const mostSeries = 20;

interface PanelPlace {
  readonly h: number;
  readonly w: number;
  readonly x: number;
  readonly y: number;
}

/**
 * A dashboard for Grafana: a row for each exporter, a graph for each alert that compares a value, its limit drawn as a line.
 * The same uid and the same ids of panels each time, so that an import replaces what was there and links stay good.
 */
export function dashboard(alerts: readonly Alert[], variables: AlertVariables): object {
  const panels: object[] = [];
  let y = 0;
  for (const exporter of exporters) {
    const drawn = alerts.filter(({ meta, panel }) => meta.exporter === exporter && panel !== undefined);
    if (drawn.length === 0) continue;
    const gridPos: PanelPlace = { h: 1, w: 24, x: 0, y };
    panels.push({ id: panelId(exporter), type: "row", title: exporter, collapsed: false, gridPos, panels: [] });
    y += 1;
    for (const [index, alert] of drawn.entries()) {
      const place = { h: 8, w: 12, x: (index % 2) * 12, y: y + Math.floor(index / 2) * 8 };
      panels.push(panelOf(alert, alert.panel!, variables, place));
    }
    y += Math.ceil(drawn.length / 2) * 8;
  }
  return {
    uid: "snowshed-alerts",
    title: "snowshed: alerts",
    tags: ["snowshed"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: "1m",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    templating: {
      list: [{ name: "datasource", label: "Data source", type: "datasource", query: "prometheus", current: {} }],
    },
    annotations: { list: [] },
    panels,
  };
}

function panelOf({ meta }: Alert, panel: AlertPanel, variables: AlertVariables, gridPos: PanelPlace): object {
  const datasource = { type: "prometheus", uid: "${datasource}" };
  const limit = panel.limit(variables);
  const steps = [
    { color: "green", value: null },
    { color: "red", value: limit },
  ];
  return {
    id: panelId(meta.id),
    type: "timeseries",
    title: meta.title,
    description: `${meta.alert}: ${meta.rationale} ${meta.fix}`,
    datasource,
    gridPos,
    maxDataPoints: 500,
    fieldConfig: {
      defaults: {
        unit: panel.unit,
        thresholds: { mode: "absolute", steps },
        custom: { thresholdsStyle: { mode: "line" } },
      },
      overrides: [],
    },
    options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
    targets: [
      { refId: "A", datasource, expr: `topk(${mostSeries}, ${panel.expr(variables)})`, legendFormat: "__auto" },
    ],
  };
}

/** A number that depends on the name alone (FNV-1a), so that a panel keeps it when others come and go. */
function panelId(name: string): number {
  let hash = 0x81_1c_9d_c5;
  for (const letter of name) hash = Math.imul(hash ^ letter.codePointAt(0)!, 0x01_00_01_93);
  return (hash >>> 1) % 1_000_000_000;
}
