// What a patch does to a variant, at every point, with the pair's controls.
import { decimal, element, visible } from "./dom.mjs";
import { addLegend, chosenFigures, figure, legendHeight, nothing, styleOf } from "./figure.mjs";
import { routeAddress } from "./route.mjs";
import { termsLine } from "./terms.mjs";

const PATCH_METRICS = {
  effects: "normalised effect",
  logit_diffs: "logit difference",
  gold_logprobs: "log-probability of gold",
  of_both: "log-probability of target and foil",
};

/** The panel of a variant's pairs. name(id) says an example's name, or null if it is not shown. */
export function patchPanel(example, variant, metric, name, note) {
  const make = (shown) =>
    variant.pairs.map((pair) => pairFigure(pair, shown, donorLine(example, variant, pair, name)));
  return element(
    "div",
    {},
    chosenFigures("measure", Object.entries(PATCH_METRICS), metric, "effects", note, make),
    termsLine("Donors: ", "donors", [...new Set(variant.pairs.flatMap((pair) => pair.curves.map((curve) => curve.kind)))]),
  );
}

function pairFigure(pair, metric, donor) {
  const rows = pair.curves.flatMap(curveRows);
  const both = pair.curves.filter((curve) => curve.kind === "paired").flatMap(bothRows);
  const { frame, redraw } = figure(pair.condition, (width) =>
    curvePlot(metric() === "of_both" ? both : rows, metric(), width),
  );
  return { redraw, frame: element("div", {}, frame, donor) };
}

function donorLine(example, variant, pair, name) {
  const own = pair.donor === example.id;
  const known = pair.donor && name(pair.donor);
  const edit = own ? ownDonor(example, variant) : null;
  const parameters = new Map(edit ? [["edit", edit]] : []);
  const said = own ? `this example's own ${edit ?? "variant"}` : visible(known ?? "", 40);
  const link = known
    ? element("a", { href: routeAddress("example", pair.donor, parameters) }, said)
    : element("span", {}, pair.donor ? `${pair.donor}, which this explorer leaves out` : "none");
  return element("p", { class: "faint" }, "donor: ", link, `; recipient: this ${variant.edit}`);
}

/** The edit of a donor of the same example: of an original it is that whose variants are patched. */
function ownDonor({ variants }, { edit }) {
  if (edit !== "original") return "original";
  return variants.find((other) => other.edit !== "original" && other.pairs.length)?.edit;
}

function curveRows(curve) {
  return curve.points.map((point, i) => ({
    kind: curve.kind,
    position: curve.position,
    point,
    effects: curve.effects[i],
    logit_diffs: curve.logit_diffs[i],
    gold_logprobs: curve.gold_logprobs[i],
    predicted: curve.texts[curve.predicted[i]],
  }));
}

/** Under the paired donor: the target's curve and the foil's; each row knows both values. */
function bothRows(curve) {
  return ["target", "foil"].flatMap((kind) =>
    curve.points.map((point, i) => ({
      kind,
      position: curve.position,
      point,
      of_both: curve[`${kind}_logprobs`][i],
      target: curve.target_logprobs[i],
      foil: curve.foil_logprobs[i],
      predicted: curve.texts[curve.predicted[i]],
    })),
  );
}

/** What a tip says of a row, line by line. */
function tipLines(row, metric) {
  const value = (name) => (row[name] === null ? "–" : decimal(row[name]));
  const said =
    metric === "of_both"
      ? [`paired, point ${row.point}`, `log-probability of target: ${value("target")}`, `of foil: ${value("foil")}`]
      : [`${row.kind}, point ${row.point}`, `${PATCH_METRICS[metric]}: ${value(metric)}`];
  return [...said, `predicts ${visible(row.predicted ?? "", 24)}`];
}

function curvePlot(rows, metric, width) {
  const filled = rows.filter((row) => row[metric] !== null);
  const kinds = [...new Set(rows.map((row) => row.kind))];
  const entries = kinds.map((kind) => [styleOf(kind), kind]);
  const top = legendHeight(entries, 58, width);
  const positions = [...new Set(rows.map((row) => row.position))];
  const plot = Plot.plot({
    width,
    height: 250 + top,
    marginLeft: 58,
    marginTop: top + (positions.length > 1 ? 24 : 10),
    marginBottom: 36,
    x: { label: "point", tickFormat: "d", domain: d3.extent(rows, (row) => row.point) },
    y: { label: PATCH_METRICS[metric], labelAnchor: "center", labelArrow: "none", grid: true, ticks: 5, nice: true },
    fx: positions.length > 1 ? { domain: positions, label: null } : undefined,
    marks: [
      Plot.ruleY(metric === "effects" ? [0, 1] : [0], { stroke: "var(--line)" }),
      ...kinds.flatMap((kind) => kindMarks(filled, kind, metric, positions)),
      ...(filled.length ? [tip(filled, metric, positions)] : [nothing("No value: donor and recipient are too close.")]),
    ],
  });
  addLegend(plot, entries, 58);
  return plot;
}

function kindMarks(rows, kind, metric, positions) {
  const style = styleOf(kind);
  const own = rows.filter((row) => row.kind === kind);
  const place = { x: "point", y: metric, ...(positions.length > 1 ? { fx: "position" } : {}) };
  const open = style.symbol === "times";
  return [
    Plot.line(own, { ...place, stroke: style.colour, strokeDasharray: style.dash, strokeWidth: 1.6 }),
    Plot.dot(own, {
      ...place,
      r: 2.8,
      symbol: style.symbol,
      [open ? "stroke" : "fill"]: style.colour,
    }),
  ];
}

function tip(rows, metric, positions) {
  return Plot.tip(
    rows,
    Plot.pointer({
      x: "point",
      y: metric,
      ...(positions.length > 1 ? { fx: "position" } : {}),
      title: (row) => tipLines(row, metric).join("\n"),
    }),
  );
}
