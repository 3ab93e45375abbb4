// Whole types: what the model completes, the compiler's verdict on it, and what lent ones do to it.
import { code, decimal, element, visible } from "./dom.mjs";
import { addLegend, figure, legendHeight, nothing, styleOf } from "./figure.mjs";
import { routeAddress } from "./route.mjs";
import { codeCell, table } from "./table.mjs";
import { term, termsLine } from "./terms.mjs";

const MARGIN = 58; // pixels in front of a plot

/** The verdict on a whole type in words; that it is `any` to the compiler, too. */
export function verdictOf({ verdict, is_any: isAny }) {
  return [term("verdicts", verdict), isAny ? [", ", term("verdicts", "any")] : ""];
}

/** The whole types of the original and the variant, and why the compiler refuses one. */
export function wholePanel(variants) {
  const answer = (is) => (is ? "yes" : "no");
  const rows = variants.map(({ edit, whole }) => [
    edit,
    codeCell(whole.completed_type, 48),
    verdictOf(whole),
    answer(whole.right),
    answer(whole.ended),
    codeCell(whole.gold, 48),
  ]);
  const head = ["variant", "whole type", "verdict", "right", "ended", "gold"];
  return element("div", {}, table(head, rows, head.length), variants.filter(({ whole }) => whole.detail).map(failure));
}

function failure({ edit, whole }) {
  return element("p", { class: "faint" }, `${edit} fails: `, code(whole.detail, 240));
}

/** What lent whole types do to a variant. name(id) says an example's name, if it is shown. */
export function wholePatchesPanel({ edit, lent }, name) {
  const kinds = [...new Set(lent.flatMap(({ curves }) => curves.map(({ kind }) => kind)))];
  const figures = lent.map((pair) => lentFigure(pair, edit, name));
  return element("div", {}, element("div", { class: "grid" }, figures), termsLine("Donors: ", "donors", kinds));
}

function lentFigure(pair, edit, name) {
  const rows = pair.curves.flatMap(({ kind, points, effects, turned }) =>
    points.map((point, i) => ({ kind, point, effect: effects[i], turned: turned[i] })),
  );
  const caption = ["Target ", codeCell(pair.target, 60), ", foil ", codeCell(pair.foil, 60), `. ${saidTurns(pair)}`];
  const { frame } = figure(pair.condition, (width) => lentPlot(rows, width), caption);
  return element("div", {}, frame, lentDonor(pair, edit, name));
}

function lentDonor({ donor, donor_edit: donorEdit }, edit, name) {
  const known = name(donor);
  const href = known && routeAddress("example", donor, new Map([["edit", donorEdit]]));
  const link = known ? element("a", { href }, visible(known, 40)) : `${donor}, which this explorer leaves out`;
  return element("p", { class: "faint" }, "donor: ", link, `, ${donorEdit}; recipient: this ${edit}`);
}

/** With which donors the target is completed, at which points. */
function saidTurns({ curves }) {
  const turning = curves.map(({ kind, points, turned }) => [kind, points.filter((_, i) => turned[i])]);
  const said = turning.filter(([, points]) => points.length).map(([kind, points]) => `${kind} at ${saidRuns(points)}`);
  return said.length ? `The model completes the target with ${said.join("; ")}.` : "No donor, at any point, makes the model complete the target.";
}

/** `point 3`, `points 3 to 5, 7` */
function saidRuns(points) {
  const found = [];
  for (const point of points) {
    if (found.at(-1)?.[1] === point - 1) found.at(-1)[1] = point;
    else found.push([point, point]);
  }
  const said = found.map(([first, last]) => (first === last ? first : `${first} to ${last}`)).join(", ");
  return `${points.length > 1 ? "points" : "point"} ${said}`;
}

function lentPlot(rows, width) {
  const filled = rows.filter(({ effect }) => effect !== null);
  const kinds = [...new Set(rows.map(({ kind }) => kind))];
  const entries = kinds.map((kind) => [styleOf(kind), kind]);
  const top = legendHeight(entries, MARGIN, width);
  const place = { x: "point", y: "effect" };
  const plot = Plot.plot({
    width,
    height: 230 + top,
    marginLeft: MARGIN,
    marginTop: top + 10,
    marginBottom: 36,
    x: { label: "point", tickFormat: "d", domain: d3.extent(rows, ({ point }) => point) },
    y: { label: "normalised effect", labelAnchor: "center", labelArrow: "none", grid: true, ticks: 5, nice: true },
    marks: [
      Plot.ruleY([0, 1], { stroke: "var(--line)" }),
      ...kinds.flatMap((kind) => {
        const { colour, dash, symbol } = styleOf(kind);
        const own = filled.filter((row) => row.kind === kind);
        return [
          Plot.line(own, { ...place, stroke: colour, strokeDasharray: dash, strokeWidth: 1.6 }),
          Plot.dot(own, { ...place, r: 2.8, symbol, stroke: colour, fill: ({ turned }) => (turned ? colour : "var(--paper)") }),
        ];
      }),
      filled.length ? Plot.tip(filled, Plot.pointer({ ...place, title: tipText })) : nothing("No value: donor and recipient are too close."),
    ],
  });
  addLegend(plot, entries, MARGIN);
  return plot;
}

const tipText = ({ kind, point, effect, turned }) =>
  `${kind}, point ${point}\nnormalised effect: ${decimal(effect)}\n${turned ? "completes the target" : "does not complete the target"}`;
