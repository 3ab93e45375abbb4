// What sampling and steering gave of a variant, where those tables are.
import { element, percent, visible } from "./dom.mjs";
import { KINDS, addLegend, addScale, chosenFigures, figure, legendHeight, styleOf } from "./figure.mjs";
import { heatColour } from "./heat.mjs";
import { codeCell, table } from "./table.mjs";
import { term, termsLine } from "./terms.mjs";

/** Samples of the original and the variant: how many have which verdict, and the commonest types. */
export function samplesPanel(variants) {
  return element("div", {}, countsOfSamples(variants), typesOfSamples(variants));
}

function countsOfSamples(variants) {
  const passes = [1, 10, 100].filter((k) => variants.some(({ samples }) => samples[`pass_at_${k}`] !== null)); // not of more than were drawn
  const verdicts = ["same", "equivalent", "checks", "of them any", "fails", "never end"];
  const head = ["variant", "right of n", ...passes.map((k) => `pass@${k}`), ...verdicts, "types"];
  const rows = variants.map(({ edit, samples: s }) => [
    edit,
    `${s.n_right} of ${s.n}`,
    ...passes.map((k) => percent(s[`pass_at_${k}`])),
    ...[s.n_same, s.n_equivalent, s.n_checks, s.n_any, s.n_fails, s.n_unended].map(String),
    String(s.distinct),
  ]);
  return table(head, rows);
}

function typesOfSamples(variants) {
  const rows = variants.flatMap(({ edit, samples: s }) =>
    s.types.map(([type, count, verdict, isRight, isAny]) => [
      edit,
      codeCell(type, 48),
      [term("verdicts", verdict), isAny ? [", ", term("verdicts", "any")] : ""],
      isRight ? "✓" : "",
      `${count} of ${s.n}`,
    ]),
  );
  return table(["variant", "commonest types", "verdict", "right", "samples"], rows, 4);
}

/**
 * Steering of one variant. A vector that was tried at many points has a map of strength by point;
 * all vectors that were added at the points chosen for them share one plot over strengths.
 */
export function steeringPanel(variant, chosen, note) {
  const steered = variant.steering.filter(({ kind }) => kind !== "none");
  // Two kinds can be one vector: it is added as the one and as the other.
  const vectors = d3.flatGroup(steered, ({ kind }) => kind, ({ vector }) => vector).map((group) => group.at(-1));
  const mapped = vectors.filter((entries) => entries.length > 1);
  const single = vectors.filter((entries) => entries.length === 1).flat();
  return element(
    "div",
    {},
    mapped.length ? dosesAtPoints(mapped, chosen, note) : null,
    single.length ? dosesOfVectors(variant, single) : null,
    termsLine("Vectors: ", "vectors", inOrder(steered).map((kind) => LABELS[kind])),
  );
}

/** The kinds of vectors among entries or rows, in the order of the legend: the cloud comes last. */
const inOrder = (entries) =>
  [...new Set(entries.map(({ kind }) => kind))].sort((a, b) => faintOf(b) - faintOf(a) || KINDS.indexOf(a) - KINDS.indexOf(b));

/** A vector as the report says it, with which of its kind it is. */
function labelOf({ kind, vector }) {
  const own = vector.split("/").slice(1).join("/");
  return own ? `${LABELS[kind]}: ${visible(own, 24)}` : LABELS[kind];
}

function saidPoints(points) {
  return points.length > 1 ? `points ${points[0]} to ${points.at(-1)}` : `point ${points[0]}`;
}

/** vectors: for each vector its entries, one a set of points. */
function dosesAtPoints(vectors, chosen, note) {
  const named = (name) => vectors.find(([{ vector }]) => vector === name);
  const [first] = named("mean_difference") ?? vectors[0];
  const options = vectors.map(([entry]) => [entry.vector, labelOf(entry)]);
  const make = (shown) => [
    figure(
      "Steering at every point",
      (width) => doseMap(named(shown()), width),
      "✓: the answer becomes the gold type.",
    ),
  ];
  return element("div", {}, chosenFigures("vector", options, chosen, first.vector, note, make));
}

function dosesOfVectors(variant, entries) {
  const rows = entries.flatMap((entry) =>
    entry.strengths.map((strength, i) => ({
      kind: entry.kind,
      vector: entry.vector,
      said: `${labelOf(entry)}, ${saidPoints(entry.points)}`,
      strength,
      predicted: entry.predicted[i],
      to_gold: entry.to_gold[i],
      probability: entry.gold_probabilities[i],
    })),
  );
  const unsteered = variant.answer.gold_probability;
  return figure(
    "Steering, each vector at its own points",
    (width) => vectorPlot(rows, unsteered, width),
    "Filled: the answer becomes the gold type. The dotted line across is the answer without steering. " +
      "Points were chosen on the group select, for each random and shuffled vector alone.",
  ).frame;
}

function vectorPlot(rows, unsteered, width) {
  const kinds = inOrder(rows);
  const entries = kinds.map((kind) => [styleOf(kind), LABELS[kind]]);
  const top = legendHeight(entries, 48, width);
  const strengths = [...new Set(rows.map((row) => row.strength))].sort((a, b) => a - b);
  const place = { x: "strength", y: "probability" };
  const plot = Plot.plot({
    width,
    height: 260 + top,
    marginLeft: 60,
    marginTop: top + 10,
    marginBottom: 38,
    x: { type: "point", domain: strengths, label: "strength, in units of the residual's norm", labelArrow: "none", padding: 0.3, tickFormat: String },
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
            `${row.said}, strength ${row.strength}\npredicts ${visible(row.predicted ?? "", 24)}\n` +
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

const logarithm = (probability) => Math.log(Math.max(1e-6, probability)); // the pages know no smaller one

/** Strength by point: single points and windows of several beside each other, or stacked. */
function doseMap(entries, width) {
  const cells = entries.flatMap((entry) =>
    entry.strengths.map((strength, i) => ({
      said: `${labelOf(entry)}, ${saidPoints(entry.points)}`,
      first: entry.points[0],
      together: entry.points.length > 1 ? `first of ${entry.points.length} points` : "one point",
      strength: String(strength),
      predicted: entry.predicted[i],
      to_gold: entry.to_gold[i],
      probability: entry.gold_probabilities[i],
    })),
  );
  const ends = d3.extent(cells, (cell) => cell.probability ?? undefined);
  const share = d3.scaleLinear(ends.map(logarithm), [0, 1]);
  const strengths = [...new Set(cells.map((cell) => cell.strength))].sort((a, b) => b - a);
  const firsts = [...new Set(cells.map((cell) => cell.first))].sort((a, b) => a - b);
  const sets = [...new Set(cells.map((cell) => cell.together))].sort().reverse();
  const facet = width / sets.length < 300 ? "fy" : "fx";
  const [beside, stacked] = facet === "fx" ? [sets.length, 1] : [1, sets.length];
  const marginRight = facet === "fy" ? 84 : 4;
  const every = Math.ceil((24 * firsts.length * beside) / (width - 66 - marginRight));
  const place = { [facet]: "together", x: "first", y: "strength" };
  const plot = Plot.plot({
    width,
    height: (24 * strengths.length + 20) * stacked + 98,
    marginLeft: 66,
    marginRight,
    marginTop: 24,
    marginBottom: 74,
    padding: 0.05,
    [facet]: { domain: sets, label: null },
    x: { domain: firsts, label: "point", labelAnchor: "center", labelOffset: 36, labelArrow: "none", tickSize: 0, ticks: firsts.filter((_, i) => i % every === 0) },
    y: { domain: strengths, label: "strength", labelArrow: "none", tickSize: 0 },
    marks: [
      Plot.cell(cells, { ...place, fill: (cell) => heatColour(share(logarithm(cell.probability ?? ends[0]))) }),
      Plot.text(cells.filter((cell) => cell.to_gold), { ...place, text: () => "✓", fill: "var(--ink)" }),
      Plot.tip(
        cells,
        Plot.pointer({
          ...place,
          title: (cell) =>
            `${cell.said}, strength ${cell.strength}\n` +
            `predicts ${visible(cell.predicted ?? "", 24)}\np(gold) ${percent(cell.probability)}`,
        }),
      ),
    ],
  });
  addScale(plot, "p(gold), log", ends.map(percent), 66);
  return plot;
}
