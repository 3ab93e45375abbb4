// The logit lens: what the model would say at every point and position, original beside variant.
import { element, percent, select, visible } from "./dom.mjs";
import { addLegend, addScale, figure, legendHeight, styleOf } from "./figure.mjs";
import { heatColour } from "./heat.mjs";
import { foilToken, topBars } from "./predictions.mjs";
import { codeCell } from "./table.mjs";
import { term } from "./terms.mjs";

const LENS_METRICS = {
  gold_probability: { label: "p(gold)", value: (cell) => cell.probability, domain: () => [0, 1], say: percent },
  top_probability: {
    label: "p(likeliest token)",
    value: (cell) => cell.top[0]?.[1] ?? 0,
    domain: () => [0, 1],
    say: percent,
  },
  gold_rank: {
    label: "rank of gold",
    value: (cell) => Math.log10(cell.gold_rank + 1),
    domain: (values) => [Math.max(1, ...values), 0],
    say: (value) => String(Math.round(10 ** value)),
  },
  entropy: {
    label: "entropy, nats",
    value: (cell) => cell.entropy,
    domain: (values) => [0, Math.max(...values)],
    say: (value) => value.toFixed(1),
  },
  divergence: {
    label: "divergence from the last point, nats",
    value: (cell) => cell.divergence ?? 0,
    domain: (values) => [0, Math.max(...values)],
    say: (value) => value.toFixed(1),
  },
};
const CELL_HEIGHT = 20;
const TOP = 58; // above the cells: the variant, the position in up to two lines
const LEAST_WIDTH = 46; // of a cell; in narrower ones the variants stand one above the other
const LETTERS = 12; // pixels, of a plot, as style.css says
const LEAST_SHOWN = 0.01; // a position whose gold stays below has no curve

/**
 * The panel of variants that have a lens. at: { metric, cell }, told changes through note().
 * wrong: the variant whose wrong answer is the foil; undefined where all are right
 */
export function lensPanel(variants, wrong, at, note) {
  const foil = wrong ? foilToken(wrong.answer) : null;
  const cells = variants.flatMap((variant) => lensCells(variant, foil));
  let metric = at.metric in LENS_METRICS ? at.metric : "gold_probability";
  let chosen = cells.find((cell) => cell.key === at.cell) ?? lastOf(cells, variants.at(-1).edit);
  const top = element("div", { class: "top", "aria-live": "polite" });
  const map = figure(
    "Logit lens",
    (width) => heatMap(cells, LENS_METRICS[metric], width, chosen, choose),
    "The likeliest token at each point and position. Move over a cell, or use the arrow keys.",
  );
  map.frame.tabIndex = 0;
  map.frame.addEventListener("keydown", (event) => moveBy(event));
  const control = select(
    term("controls", "colour"),
    Object.entries(LENS_METRICS).map(([value, { label }]) => [value, label]),
    metric,
    (value) => {
      metric = value;
      note("lens", value);
      map.redraw();
    },
  );
  showTop();
  const reached = positionsOf(cells.filter((cell) => Math.max(cell.probability, cell.foil) >= LEAST_SHOWN));
  const low = positionsOf(cells).filter((position) => !reached.includes(position));
  const curve = figure(
    foil === null ? "Probability of gold over points" : "Probability of gold and foil over points",
    (width) => goldCurve(cells, reached.length ? reached : ["last"], width),
    [
      foilLine(foil, wrong),
      low.length ? ` Below ${percent(LEAST_SHOWN)} at every point: ${low.join(", ")}.` : null,
    ],
  );
  return element(
    "div",
    {},
    element("div", { class: "controls" }, control),
    element("div", { class: "split lens" }, map.frame, top),
    curve.frame,
  );

  function choose(cell, pinned) {
    if (pinned) note("cell", cell.key);
    if (cell === chosen) return;
    chosen = cell;
    showTop();
    moveFrame(map.frame, chosen);
  }

  function showTop() {
    const title = `Top ${chosen.top.length} at point ${chosen.point}, ${chosen.position}, ${chosen.edit}`;
    const rank = chosen.gold_rank === null ? null : ["Gold ", codeCell(chosen.answer.gold), `: rank ${chosen.gold_rank + 1} among all tokens.`];
    const chart = topBars(title, chosen.top, chosen.gold_rank, chosen.answer, 1, rank);
    top.replaceChildren(chart.frame);
  }

  function moveBy(event) {
    const steps = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const columns = [...new Set(cells.map((cell) => cell.column))];
    const column = columns[columns.indexOf(chosen.column) + step[0]] ?? chosen.column;
    const found = cells.find((cell) => cell.column === column && cell.point === chosen.point + step[1]);
    if (found) choose(found, true);
  }
}

function foilLine(foil, wrong) {
  if (!wrong) return "No foil: every answer is the gold.";
  if (foil === null) return `No foil: the wrong answer of ${wrong.edit} begins as the gold does.`;
  return ["Foil: ", codeCell(foil), `, with which the wrong answer of ${wrong.edit} begins; it is drawn where it is among the ten likeliest.`];
}

/** foil: the text of a token, or null. */
function lensCells(variant, foil) {
  const { texts, positions } = variant.lens;
  return Object.entries(positions).flatMap(([position, found]) =>
    found.point.map((point, i) => {
      const top = found.top[i].map((text, n) => [texts[text], found.probabilities[i][n]]);
      const asFoil = top.find(([text]) => text === foil);
      return {
        edit: variant.edit,
        position,
        point,
        answer: variant.answer,
        column: `${variant.edit}\n${position}`,
        key: `${variant.edit}/${position}/${point}`,
        top,
        probability: found.gold_probability[i] ?? 0,
        foil: asFoil ? asFoil[1] : null,
        gold_rank: found.gold_rank[i],
        entropy: found.entropy[i],
        divergence: found.divergence[i],
      };
    }),
  );
}

function lastOf(cells, edit) {
  const own = cells.filter((cell) => cell.edit === edit && cell.position === "last");
  return own.at(-1) ?? cells.at(-1);
}

const positionsOf = (cells) => [...new Set(cells.map((cell) => cell.position))];

function heatMap(cells, metric, width, chosen, choose) {
  const points = [...new Set(cells.map((cell) => cell.point))].sort((a, b) => b - a);
  const positions = positionsOf(cells);
  const edits = [...new Set(cells.map((cell) => cell.edit))];
  const beside = (width - 68) / (positions.length * edits.length);
  const [facet, stacked] = edits.length > 1 && beside < LEAST_WIDTH ? ["fy", edits.length] : ["fx", 1];
  const fitted = fitter(beside * stacked - 3);
  const values = cells.map(metric.value).filter(Number.isFinite);
  const share = d3.scaleLinear(metric.domain(values), [0, 1]).clamp(true);
  const plot = Plot.plot({
    width,
    height: CELL_HEIGHT * points.length * stacked + TOP * stacked + 30,
    marginLeft: 48,
    marginRight: 4,
    marginTop: TOP,
    marginBottom: 30,
    padding: 0.03,
    [facet]: { domain: edits, axis: null, padding: stacked > 1 ? TOP / (CELL_HEIGHT * points.length + TOP) : 0.03 },
    x: { domain: positions, label: null },
    y: { domain: points, label: "point", tickSize: 0, labelArrow: "none" },
    marks: [
      Plot.text(edits, { [facet]: (edit) => edit, text: (edit) => edit, frameAnchor: "top", dy: 8 - TOP, fontWeight: "bold" }),
      Plot.axisX({ anchor: "top", facetAnchor: null, tickSize: 0, label: null, tickFormat: (name) => name.split("_").map(fitted).join("\n") }),
      Plot.cell(cells, {
        [facet]: "edit",
        x: "position",
        y: "point",
        fill: (cell) => heatColour(share(metric.value(cell))),
      }),
      Plot.text(cells, {
        [facet]: "edit",
        x: "position",
        y: "point",
        text: (cell) => fitted(cell.top[0]?.[0] ?? ""),
        fill: "var(--ink)",
        fontWeight: (cell) => (cell.gold_rank === 0 ? "bold" : "normal"),
        pointerEvents: "none",
      }),
    ],
  });
  listen(plot, cells, chosen, choose);
  addScale(plot, metric.label, metric.domain(values).map(metric.say), 48);
  return plot;
}

/** A function that cuts a text so that in a plot, even in bold, it is no wider than so many pixels. */
function fitter(room) {
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = `bold ${LETTERS}px ${getComputedStyle(document.body).fontFamily}`;
  return (text) => {
    let limit = visible(text).length;
    while (limit > 1 && ruler.measureText(visible(text, limit)).width > room) limit -= 1;
    return visible(text, limit);
  };
}

/** The cells of the plot's first mark are in the data's order within their facets. */
function listen(plot, cells, chosen, choose) {
  const shown = [...plot.querySelectorAll('[aria-label="cell"] rect')];
  const byFacet = d3.groups(cells, (cell) => cell.edit).flatMap(([, found]) => found);
  for (const [i, rect] of shown.entries()) {
    const cell = byFacet[i];
    rect.dataset.cell = cell.key;
    rect.classList.toggle("chosen", cell === chosen);
    rect.addEventListener("pointerenter", () => choose(cell, false));
    rect.addEventListener("click", () => choose(cell, true));
  }
}

function moveFrame(frame, chosen) {
  for (const rect of frame.querySelectorAll("[data-cell]")) {
    rect.classList.toggle("chosen", rect.dataset.cell === chosen.key);
  }
}

/** Curves of the variants, one panel a position: side by side, or where that is narrow stacked. */
function goldCurve(all, positions, width) {
  const cells = all.filter((cell) => positions.includes(cell.position));
  const facet = positions.length > 1 && width / positions.length < 150 ? "fy" : "fx";
  const series = d3.groups(cells, (cell) => cell.edit);
  const style = (edit) => styleOf(edit === "original" ? "original" : "edited");
  const foilStyle = (edit) => styleOf(edit === "original" ? "foil_of_original" : "foil");
  const withFoil = series.filter(([, rows]) => rows.some((cell) => cell.foil !== null));
  const entries = [
    ...series.map(([edit]) => [style(edit), edit]),
    ...withFoil.map(([edit]) => [foilStyle(edit), `foil, ${edit}`]),
  ];
  const top = legendHeight(entries, 40, width);
  const plot = Plot.plot({
    width,
    height: (facet === "fy" ? 110 * positions.length + 50 : 190) + top,
    marginLeft: 48,
    marginRight: facet === "fy" ? 84 : 16,
    marginTop: top + 22,
    marginBottom: 34,
    x: { label: "point", tickFormat: "d" },
    y: { domain: [0, 1], tickFormat: "%", label: null, grid: true, ticks: 4 },
    [facet]: { domain: positions, label: null },
    marks: [
      ...series.flatMap(([edit, rows]) => curveMarks(rows, facet, style(edit), "probability")),
      ...withFoil.flatMap(([edit, rows]) => curveMarks(rows, facet, foilStyle(edit), "foil")),
      Plot.tip(
        cells,
        Plot.pointer({
          [facet]: "position",
          x: "point",
          y: "probability",
          title: (cell) => `${cell.edit}, point ${cell.point}\ngold ${(100 * cell.probability).toFixed(1)}%${cell.foil === null ? "" : `, foil ${(100 * cell.foil).toFixed(1)}%`}`,
        }),
      ),
    ],
  });
  addLegend(plot, entries, 48);
  return plot;
}

function curveMarks(rows, facet, style, y) {
  const place = { [facet]: "position", x: "point", y, z: "position" };
  return [
    Plot.line(rows, { ...place, stroke: style.colour, strokeDasharray: style.dash }),
    Plot.dot(rows, { ...place, r: 2.6, fill: style.colour, symbol: style.symbol }),
  ];
}
