// What sampling and steering gave of a variant, where those tables are.
import { element, percent, select, visible } from "./dom.mjs";
import { KINDS, addLegend, addScale, figure, legendHeight, styleOf } from "./figure.mjs";
import { heatColour } from "./heat.mjs";

/** Samples of the original and the variant, as a small table. */
export function samplesPanel(variants) {
  const head = ["", "right of n", "pass@1", "pass@10", "pass@100", "different types"];
  const rows = variants.map(({ edit, samples: s }) => [
    edit,
    `${s.n_correct} of ${s.n}`,
    ...[s.pass_at_1, s.pass_at_10, s.pass_at_100].map(percent),
    String(s.distinct ?? "–"),
  ]);
  const line = (tag, cells) => element("tr", {}, cells.map((cell) => element(tag, {}, cell)));
  return element(
    "div",
    { class: "wide" },
    element("table", {}, element("thead", {}, line("th", head)), element("tbody", {}, rows.map((row) => line("td", row)))),
  );
}

/**
 * Steering of one variant. A vector that was tried at many points has a map of strength by point;
 * all vectors that were tried at the same points alone share one plot over strengths.
 */
export function steeringPanel(variant, chosen, note) {
  const kinds = d3.groups(variant.steering.filter(({ kind }) => kind !== "none"), ({ kind }) => kind);
  const many = (entries) => new Set(entries.map(({ points }) => points.join())).size > 1;
  const mapped = kinds.filter(([, entries]) => many(entries)).map(([kind]) => kind);
  const single = variant.steering.filter(({ kind }) => kind !== "none" && !mapped.includes(kind));
  return element(
    "div",
    {},
    mapped.length ? dosesAtPoints(variant, mapped, chosen, note) : null,
    single.length ? dosesOfVectors(variant, single) : null,
  );
}

function dosesAtPoints(variant, kinds, chosen, note) {
  let kind = kinds.includes(chosen) ? chosen : (kinds.find((name) => name === "mean_difference") ?? kinds[0]);
  const map = figure(
    "Steering at every point",
    (width) => doseMap(variant, kind, width),
    "✓: the answer becomes the gold type.",
  );
  const control = select("vector", kinds.map((name) => [name, name.replaceAll("_", " ")]), kind, (value) => {
    kind = value;
    note("vector", value);
    map.redraw();
  });
  return element("div", {}, element("div", { class: "controls" }, control), map.frame);
}

function dosesOfVectors(variant, entries) {
  const rows = entries.flatMap((entry) =>
    entry.strengths.map((strength, i) => ({
      kind: entry.kind,
      vector: entry.vector,
      strength,
      predicted: entry.predicted[i],
      to_gold: entry.to_gold[i],
      probability: Math.exp(entry.gold_logprobs[i] ?? -Infinity),
    })),
  );
  const points = [...new Set(entries.map((entry) => entry.points.join("+")))].join(", ");
  const unsteered = Math.exp(variant.answer.gold_logprob);
  return figure(
    `Steering at ${points.includes("+") || points.includes(",") ? "points" : "point"} ${points}`,
    (width) => vectorPlot(rows, unsteered, width),
    "Filled: the answer becomes the gold type. The rule is the answer without steering.",
  ).frame;
}

function vectorPlot(rows, unsteered, width) {
  const kinds = [...new Set(rows.map((row) => row.kind))].sort((a, b) => faintOf(b) - faintOf(a) || KINDS.indexOf(a) - KINDS.indexOf(b));
  const entries = kinds.map((kind) => [styleOf(kind), kind.replaceAll("_", " ")]);
  const top = legendHeight(entries, 48, width);
  const strengths = [...new Set(rows.map((row) => row.strength))].sort((a, b) => a - b);
  const place = { x: "strength", y: "probability" };
  const plot = Plot.plot({
    width,
    height: 260 + top,
    marginLeft: 60,
    marginTop: top + 10,
    marginBottom: 38,
    x: { type: "point", domain: strengths, label: "strength, in units of the residual's norm", labelArrow: "none", padding: 0.3 },
    y: { label: "p(gold)", labelAnchor: "center", labelArrow: "none", tickFormat: "%", grid: true, ticks: 5, nice: true, zero: true },
    marks: [
      Plot.ruleY([unsteered], { stroke: "var(--ink)", strokeDasharray: "2,3" }),
      ...kinds.toReversed().flatMap((kind) => {
        const style = styleOf(kind);
        const own = rows.filter((row) => row.kind === kind);
        return [
          Plot.line(own, { ...place, z: "vector", stroke: style.colour, strokeDasharray: style.dash, strokeOpacity: faintOf(kind) }),
          Plot.dot(own, {
            ...place,
            r: 3.4,
            symbol: style.symbol,
            stroke: style.colour,
            fill: (row) => (row.to_gold ? style.colour : "var(--paper)"),
            strokeOpacity: faintOf(kind),
            fillOpacity: faintOf(kind),
          }),
        ];
      }),
      Plot.tip(
        rows,
        Plot.pointer({
          ...place,
          title: (row) =>
            `${row.vector}, strength ${row.strength}\npredicts ${visible(row.predicted ?? "", 24)}\n` +
            `p(gold) ${percent(row.probability)}`,
        }),
      ),
    ],
  });
  addLegend(plot, entries, 48);
  return plot;
}

/** Random and shuffled vectors are many: a cloud behind the others. */
const faintOf = (kind) => (["random", "shuffled"].includes(kind) ? 0.35 : 1);

/** Strength by point: single points and windows of several beside each other, or stacked. */
function doseMap(variant, kind, width) {
  const cells = variant.steering
    .filter((entry) => entry.kind === kind)
    .flatMap((entry) =>
      entry.strengths.map((strength, i) => ({
        vector: entry.vector,
        points: entry.points.join("+"),
        first: entry.points[0],
        together: entry.points.length > 1 ? `first of ${entry.points.length}` : "one point",
        strength: String(strength),
        predicted: entry.predicted[i],
        to_gold: entry.to_gold[i],
        logprob: entry.gold_logprobs[i],
      })),
    );
  const values = cells.map((cell) => cell.logprob).filter((value) => value !== null);
  const share = d3.scaleLinear(d3.extent(values), [0, 1]);
  const strengths = [...new Set(cells.map((cell) => cell.strength))].sort((a, b) => b - a);
  const firsts = [...new Set(cells.map((cell) => cell.first))].sort((a, b) => a - b);
  const sets = [...new Set(cells.map((cell) => cell.together))].sort().reverse();
  const facet = width / sets.length < 300 ? "fy" : "fx";
  const [beside, stacked] = facet === "fx" ? [sets.length, 1] : [1, sets.length];
  const every = Math.ceil((24 * firsts.length * beside) / (width - 60));
  const place = { [facet]: "together", x: "first", y: "strength" };
  const plot = Plot.plot({
    width,
    height: (24 * strengths.length + 20) * stacked + 98,
    marginLeft: 66,
    marginRight: facet === "fy" ? 84 : 4,
    marginTop: 24,
    marginBottom: 74,
    padding: 0.05,
    [facet]: { domain: sets, label: null },
    x: { domain: firsts, label: "point", labelAnchor: "center", labelOffset: 36, labelArrow: "none", tickSize: 0, ticks: firsts.filter((_, i) => i % every === 0) },
    y: { domain: strengths, label: "strength", labelArrow: "none", tickSize: 0 },
    marks: [
      Plot.cell(cells, { ...place, fill: (cell) => heatColour(share(cell.logprob)) }),
      Plot.text(cells.filter((cell) => cell.to_gold), { ...place, text: () => "✓", fill: "var(--ink)" }),
      Plot.tip(
        cells,
        Plot.pointer({
          ...place,
          title: (cell) =>
            `${cell.vector}, points ${cell.points}, strength ${cell.strength}\n` +
            `predicts ${visible(cell.predicted ?? "", 24)}\np(gold) ${percent(Math.exp(cell.logprob))}`,
        }),
      ),
    ],
  });
  addScale(plot, "p(gold), log", d3.extent(values).map((value) => percent(Math.exp(value))), 66);
  return plot;
}
