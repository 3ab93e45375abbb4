// What sampling and steering gave of a variant, where those tables are.
import { element, percent, select, visible } from "./dom.mjs";
import { figure } from "./figure.mjs";
import { heatColour } from "./lens.mjs";

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

/** Steering of one variant: for every vector, what each strength at each point makes of it. */
export function steeringPanel(variant, chosen, note) {
  const kinds = [...new Set(variant.steering.map((entry) => entry.kind))].filter((kind) => kind !== "none");
  let kind = kinds.includes(chosen) ? chosen : kinds[0];
  const map = figure(
    "Steering",
    (width) => doseMap(variant, kind, width),
    "Colour: log-probability of gold. ✓: the answer becomes the gold type.",
  );
  const control = select("vector", kinds.map((name) => [name, name.replaceAll("_", " ")]), kind, (value) => {
    kind = value;
    note("vector", value);
    map.redraw();
  });
  return element("div", {}, element("div", { class: "controls" }, control), map.frame);
}

function doseMap(variant, kind, width) {
  const cells = variant.steering
    .filter((entry) => entry.kind === kind)
    .flatMap((entry) =>
      entry.strengths.map((strength, i) => ({
        vector: entry.vector,
        points: entry.points.join("+") || "none",
        strength: String(strength),
        predicted: entry.predicted[i],
        to_gold: entry.to_gold[i],
        logprob: entry.gold_logprobs[i],
      })),
    );
  const values = cells.map((cell) => cell.logprob).filter((value) => value !== null);
  const share = d3.scaleLinear(d3.extent(values), [0, 1]);
  const strengths = [...new Set(cells.map((cell) => cell.strength))].sort((a, b) => b - a);
  const points = [...new Set(cells.map((cell) => cell.points))];
  points.sort((a, b) => a.split("+").length - b.split("+").length || parseInt(a, 10) - parseInt(b, 10));
  return Plot.plot({
    width,
    height: 26 * strengths.length + 62,
    marginLeft: 56,
    marginBottom: 40,
    padding: 0.05,
    x: { domain: points, label: "points", tickSize: 0, tickFormat: (name) => visible(name, 9) },
    y: { domain: strengths, label: "strength", tickSize: 0 },
    marks: [
      Plot.cell(cells, { x: "points", y: "strength", fill: (cell) => heatColour(share(cell.logprob)) }),
      Plot.text(cells.filter((cell) => cell.to_gold), { x: "points", y: "strength", text: () => "✓", fill: "var(--ink)" }),
      Plot.tip(
        cells,
        Plot.pointer({
          x: "points",
          y: "strength",
          title: (cell) =>
            `${cell.vector}, points ${cell.points}, strength ${cell.strength}\n` +
            `predicts ${visible(cell.predicted ?? "", 24)}\nlog p(gold) ${cell.logprob?.toFixed(2)}`,
        }),
      ),
    ],
  });
}
