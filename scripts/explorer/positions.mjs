// Patches at other tokens than the last, at sets of them, over windows of points.
import { element, visible } from "./dom.mjs";
import { chosenFigures, figure } from "./figure.mjs";
import { effectGrid } from "./grid.mjs";
import { termsLine } from "./terms.mjs";

/** The panel of a variant's pairs. donor: which one is drawn, told changes through note(). */
export function positionsPanel({ positions: pairs }, donor, note) {
  const donors = [...new Set(pairs.flatMap((pair) => pair.curves.map((curve) => curve.kind)))];
  const options = donors.map((name) => [name, name]);
  const make = (shown) =>
    pairs.map((pair) => figure(pair.condition, (width) => positionsMap(pair, shown(), width)));
  return element(
    "div",
    {},
    chosenFigures("donor", options, donor, "paired", note, make),
    termsLine("Tokens: ", "positions", positionNames(pairs)),
    termsLine("Donors: ", "donors", donors),
  );
}

const placeName = ({ position, n_points: n }) => (n > 1 ? `${position}, ${n} points` : position);

function positionsMap(pair, donor, width) {
  const single = (curve) => curve.n_points === 1;
  const ordered = pair.curves.toSorted((a, b) => single(b) - single(a));
  const rows = [...new Set(ordered.map(placeName))];
  const columns = [...new Set(ordered.flatMap((curve) => curve.points))].sort((a, b) => a - b).map(String);
  const cells = ordered
    .filter((curve) => curve.kind === donor)
    .flatMap((curve) =>
      curve.points.map((point, i) => ({
        column: String(point),
        row: placeName(curve),
        effect: curve.effects[i],
        said: `${donor}, ${placeName(curve)}, point ${point}\npredicts ${visible(curve.texts[curve.predicted[i]] ?? "", 24)}`,
      })),
    );
  const label = pair.curves.some((curve) => !single(curve)) ? "point, or the first of several" : "point";
  return effectGrid(cells, { columns, rows, columnLabel: label, rowLabel: null, most: 1 }, width);
}

const positionNames = (pairs) => [...new Set(pairs.flatMap((pair) => pair.curves.map((curve) => curve.position)))];
