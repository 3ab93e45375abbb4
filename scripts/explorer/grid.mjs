// A heat map of effects: rows and columns that have names, numbers where there is room.
import { decimal } from "./dom.mjs";
import { addScale, nothing } from "./figure.mjs";
import { heatColour } from "./heat.mjs";

const GRID_CELL = 19; // pixels of height
const LEAST_FOR_NUMBERS = 30; // of a cell's width

const lettersWidth = (names) => 7.2 * Math.max(...names.map((name) => String(name).length));
const lines = (name) => name.split(" ");

/**
 * cells           [{ column, row, effect, said }]; an effect that is null is not drawn; without
 *                 cells the donor was not patched in
 * columns, rows   their names, in order, a column's with a line for each word; columnLabel,
 *                 rowLabel: what they are, or null
 * most            the effect of the strongest colour
 */
export function effectGrid(cells, { columns, rows, columnLabel, rowLabel, most }, width) {
  const marginLeft = Math.max(48, 12 + lettersWidth(rows));
  const drawn = cells.filter((cell) => cell.effect !== null);
  const each = (width - marginLeft - 8) / columns.length;
  const every = Math.max(1, Math.ceil((lettersWidth(columns.flatMap(lines)) + 6) / each));
  const extra = 12 * (Math.max(...columns.map((name) => lines(name).length)) - 1);
  const plot = Plot.plot({
    width,
    height: GRID_CELL * rows.length + 84 + extra,
    marginLeft,
    marginRight: 8,
    marginTop: 40 + extra,
    marginBottom: 30,
    padding: 0.04,
    x: { domain: columns, axis: "top", label: columnLabel, labelAnchor: "center", labelArrow: "none", tickSize: 0, tickFormat: (name) => lines(name).join("\n"), ticks: columns.filter((_, i) => i % every === 0) },
    y: { domain: rows, label: rowLabel, labelArrow: "none", tickSize: 0 },
    marks: [
      ...(drawn.length ? [] : [nothing(cells.length ? "No value: donor and recipient are too close." : "Not patched with this donor.")]),
      Plot.cell(drawn, { x: "column", y: "row", fill: (cell) => heatColour(Math.min(1, Math.max(0, cell.effect / most))), stroke: "var(--line)" }),
      ...(each < LEAST_FOR_NUMBERS
        ? []
        : [Plot.text(drawn, { x: "column", y: "row", text: (cell) => decimal(cell.effect), fill: "var(--ink)", fontSize: 10.5, pointerEvents: "none" })]),
      Plot.tip(drawn, Plot.pointer({ x: "column", y: "row", title: (cell) => `${cell.said}\neffect ${decimal(cell.effect, 3)}` })),
    ],
  });
  addScale(plot, "effect", scaleEnds(drawn, most), marginLeft);
  return plot;
}

/** What the palest and the strongest colour are, also for the effects that lie beyond them. */
function scaleEnds(drawn, most) {
  const [below, above] = [drawn.some(({ effect }) => effect < 0), drawn.some(({ effect }) => effect > most)];
  return [below ? "0 or less" : "0", above ? `${decimal(most)} or more` : decimal(most)];
}
