// What each block, and each head, brings of the difference of gold and foil by itself.
import { decimal, element } from "./dom.mjs";
import { figure, swatches } from "./figure.mjs";
import { codeCell, table } from "./table.mjs";

const PART_NAMES = { embeddings: "emb.", biases: "bias" };

/** The panel of variants that have a foil, all on one scale. */
export function directPanel(variants) {
  const extent = d3.extent(variants.flatMap(({ direct }) => [0, ...direct.shares]));
  const figures = variants.map(({ edit, direct }) => {
    const { frame } = figure(`Gold less foil, ${edit}`, (width) => shareBars(partShares(direct), extent, width), sharesLine(direct));
    return element("div", {}, frame, direct.heads && headTable(direct));
  });
  const colours = swatches([["var(--gold)", "towards the gold"], ["var(--foil)", "towards the foil"]]);
  return element("div", {}, element("div", { class: "grid" }, figures), colours);
}

const partShares = ({ parts, shares }) =>
  parts.map((part, i) => ({
    name: PART_NAMES[part] ?? String(part),
    said: part in PART_NAMES ? part : `block ${part}`,
    share: shares[i],
  }));

/** The difference, and who does most of it. */
function sharesLine(direct) {
  const parts = partShares(direct);
  const most = d3.greatest(parts, (part) => part.share);
  const least = d3.least(parts, (part) => part.share);
  const said = (who, part, there) => (there ? ` Most for the ${who}: ${part.said}, ${decimal(part.share)}.` : ` No part is for the ${who}.`);
  return [
    "The logit of the gold less that of the foil, which begins with ",
    codeCell(direct.foil),
    `: ${decimal(direct.difference)}.${said("gold", most, most.share > 0)}${said("foil", least, least.share < 0)}`,
  ];
}

/** The same difference by head: those that bring most, and the sums of all else. */
function headTable({ heads, parts, shares, difference }) {
  const share = (name) => shares[parts.indexOf(name)];
  const top = heads.top.map(([block, head, own]) => [`block ${block}, head ${head}`, own]);
  const sums = [
    [`the other ${heads.n_others} heads`, heads.others],
    ["biases of attention", heads.biases],
    ["MLPs", heads.mlps],
    ["embeddings", share("embeddings")],
    ["biases behind all blocks", share("biases")],
    ["all together", difference],
  ];
  return table(["part", "share"], [...top, ...sums].map(([name, own]) => [name, decimal(own)]));
}

function shareBars(parts, extent, width) {
  const names = parts.map((part) => part.name);
  const every = Math.ceil((30 * names.length) / (width - 74));
  return Plot.plot({
    width,
    height: 220,
    marginLeft: 66,
    marginRight: 8,
    marginBottom: 38,
    x: { domain: names, label: "block", labelAnchor: "center", labelArrow: "none", tickSize: 0, padding: 0.15, ticks: names.filter((_, i) => i === names.length - 1 || (i % every === 0 && i < names.length - every)) },
    y: { domain: extent, nice: true, label: "share of the logit difference", labelAnchor: "center", labelArrow: "none", grid: true, ticks: 5 },
    marks: [
      Plot.barY(parts, { x: "name", y: "share", fill: (part) => (part.share > 0 ? "var(--gold)" : "var(--foil)") }),
      Plot.ruleY([0], { stroke: "var(--faint)" }),
      Plot.tip(parts, Plot.pointerX({ x: "name", y: "share", title: (part) => `${part.said}: ${decimal(part.share, 3)}` })),
    ],
  });
}
