// Patches of the parts of blocks: attention, MLP and single heads of each.
import { decimal, element } from "./dom.mjs";
import { chosenFigures, figure } from "./figure.mjs";
import { effectGrid } from "./grid.mjs";
import { table } from "./table.mjs";
import { term } from "./terms.mjs";

const N_STRONGEST = 5;
const LEAST_SCALE = 0.1; // effects below it stay pale

/** The panel of a variant's pairs. donor: which one is drawn, told changes through note(). */
export function componentsPanel({ parts }, donor, note) {
  const donors = [...new Set(parts.flatMap((pair) => Object.keys(pair.donors)))];
  const options = donors.map((name) => [name, name]);
  const make = (shown) => parts.map((pair) => partsFigure(pair, shown));
  return element("div", {}, chosenFigures("donor", options, donor, "paired", note, make));
}

function partsFigure(pair, donor) {
  const cells = partCells(pair.donors.paired);
  const most = Math.max(LEAST_SCALE, ...cells.map((cell) => cell.effect ?? 0));
  const { frame, redraw } = figure(pair.condition, (width) => {
    const drawn = partCells(pair.donors[donor()] ?? {});
    const columns = [...new Set(cells.map((cell) => cell.column))];
    const rows = [...new Set(cells.map((cell) => cell.row))].sort((a, b) => b - a);
    return effectGrid(drawn, { columns, rows, columnLabel: "part", rowLabel: "block", most }, width);
  });
  return { redraw, frame: element("div", {}, frame, strongestParts(pair, cells)) };
}

/** The cells of one donor, in the order of the columns: attention, MLP, heads. */
function partCells({ attention_output: attention = [], mlp_output: mlp = [], head: heads = [] }) {
  const column = (name, effects, part, head = null) =>
    effects.map((effect, row) => ({ column: name, row, effect, part, head, said: `block ${row}, ${part}${head === null ? "" : ` ${head}`}` }));
  const numbers = [...(heads[0] ?? []).keys()];
  return [
    ...column("attn", attention, "attention_output"),
    ...column("MLP", mlp, "mlp_output"),
    ...numbers.flatMap((head) => column(`head ${head}`, heads.map((block) => block[head]), "head", head)),
  ];
}

/** The parts whose paired donor does most, with what the controls do there; null without effects. */
function strongestParts(pair, cells) {
  const known = cells.filter((cell) => cell.effect !== null);
  if (!known.length) return null;
  const strongest = known.sort((a, b) => b.effect - a.effect).slice(0, N_STRONGEST);
  const donors = Object.keys(pair.donors);
  const effectOf = (donor, { row, part, head }) => {
    const own = pair.donors[donor][part]?.[row];
    const effect = (head === null ? own : own?.[head]) ?? null;
    return effect === null ? "–" : decimal(effect);
  };
  const rows = strongest.map((cell) => [
    [term("components", cell.part), cell.head === null ? "" : ` ${cell.head}`],
    String(cell.row),
    ...donors.map((donor) => effectOf(donor, cell)),
  ]);
  return table(["strongest parts", "block", ...donors.map((donor) => term("donors", donor))], rows, 1);
}
