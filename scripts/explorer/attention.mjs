// The prompt as the model reads it, and on it where the last token looks, head by head.
import { element, select, visible } from "./dom.mjs";
import { figure } from "./figure.mjs";
import { heatColour } from "./lens.mjs";

const MEAN = "mean";

/** The panel of one variant's prompt. at: { block, head, token }; note() is told of changes. */
export function promptPanel(variant, at, note) {
  const { pieces, positions, window: unit } = variant.prompt;
  const heads = variant.attention;
  const named = new Map(Object.entries(positions).map(([name, index]) => [index, name]));
  const tokens = pieces.map((piece, index) => tokenElement(piece, index, named.get(index)));
  const text = element("pre", { class: "prompt", tabindex: "0", "aria-label": "Prompt" }, tokens);
  const { n_tokens: shown, n_prompt_truncated: left } = variant.answer;
  const extent = `${shown} tokens, the window is a ${unit}; ${left} tokens of the program are not in it.`;
  if (!heads?.length) return element("div", {}, element("p", { class: "faint" }, extent), text);

  const token = clamp(at.token, pieces.length - 1, positions.hole_name ?? 0);
  const keenest = keenestHead(heads, token);
  const state = {
    token,
    block: clamp(at.block, heads.length - 1, keenest.block),
    head: clamp(at.head, heads[0].length - 1, keenest.head),
  };
  const map = figure(
    "Weight on the marked token",
    (width) => headMap(heads, state, width, choose),
    "Of every head; click a cell for that head, click a token to mark it. Weights under 2% are not kept.",
  );
  const controls = element("div", { class: "controls" });
  text.addEventListener("click", (event) => {
    const index = event.target.closest("[data-token]")?.dataset.token;
    if (index !== undefined && getSelection().isCollapsed) mark(Number(index));
  });
  draw();
  return element(
    "div",
    {},
    element("p", { class: "faint" }, extent),
    controls,
    element("div", { class: "split" }, element("div", {}, text), map.frame),
  );

  function choose(block, head) {
    Object.assign(state, { block, head });
    note("block", block);
    note("head", head);
    draw();
  }

  function mark(token) {
    state.token = token;
    note("token", token);
    draw();
  }

  function draw() {
    paintTokens(tokens, heads[state.block][state.head], state.token, pieces);
    controls.replaceChildren(...headControls(heads, state, choose));
    map.redraw();
  }
}

function clamp(text, most, otherwise) {
  const number = Number.parseInt(text, 10);
  return Number.isInteger(number) && number >= 0 && number <= most ? number : otherwise;
}

/** The head that looks at a token most. */
function keenestHead(heads, token) {
  const all = heads.flatMap((block, b) =>
    block.slice(0, -1).map((head, h) => ({ block: b, head: h, weight: weightOn(head, token) })),
  );
  return all.reduce((best, head) => (head.weight > best.weight ? head : best));
}

function tokenElement(piece, index, name) {
  const shown = /^\s*\n\s*$/.test(piece) ? piece.replace("\n", "⏎\n") : piece;
  const attributes = { class: name ? "token named" : "token", "data-token": index };
  return element("span", { ...attributes, "data-name": name ?? null }, shown);
}

function paintTokens(tokens, head, marked, pieces) {
  const weights = new Map();
  for (let i = 0; i < head.length; i += 2) weights.set(head[i], head[i + 1] / 1000);
  for (const [index, token] of tokens.entries()) {
    const weight = weights.get(index) ?? 0;
    token.style.backgroundColor = weight ? heatColour(Math.sqrt(weight)) : "";
    token.title = `token ${index}: ${visible(pieces[index], 30)}, ${weight ? `${(100 * weight).toFixed(1)}%` : "under 2%"}`;
    token.classList.toggle("marked", index === marked);
  }
}

function headControls(heads, state, choose) {
  const numbers = (n) => [...Array(n).keys()].map((i) => [String(i), String(i)]);
  const names = numbers(heads[0].length);
  names.at(-1)[1] = MEAN;
  return [
    select("block", numbers(heads.length), String(state.block), (value) => choose(Number(value), state.head)),
    select("head", names, String(state.head), (value) => choose(state.block, Number(value))),
  ];
}

function headMap(heads, state, width, choose) {
  const nHeads = heads[0].length;
  const cells = heads.flatMap((block, b) =>
    block.map((head, h) => ({
      block: b,
      head: h === nHeads - 1 ? MEAN : String(h),
      number: h,
      weight: weightOn(head, state.token),
    })),
  );
  const plot = Plot.plot({
    width,
    height: Math.max(160, 15 * heads.length + 60),
    marginLeft: 48,
    marginTop: 34,
    marginBottom: 6,
    padding: 0.06,
    x: { domain: cells.slice(0, nHeads).map((cell) => cell.head), axis: "top", label: "head", tickSize: 0 },
    y: { domain: [...heads.keys()].reverse(), label: "block", tickSize: 0 },
    marks: [
      Plot.cell(cells, { x: "head", y: "block", fill: (cell) => heatColour(Math.sqrt(cell.weight)), stroke: "var(--line)" }),
      Plot.tip(
        cells,
        Plot.pointer({
          x: "head",
          y: "block",
          title: (cell) => `block ${cell.block}, head ${cell.head}\n${cell.weight ? `${(100 * cell.weight).toFixed(1)}%` : "under 2%"}`,
        }),
      ),
    ],
  });
  for (const [i, rect] of [...plot.querySelectorAll('[aria-label="cell"] rect')].entries()) {
    const { block, number } = cells[i];
    rect.classList.toggle("chosen", block === state.block && number === state.head);
    rect.addEventListener("click", () => choose(block, number));
  }
  return plot;
}

function weightOn(head, token) {
  for (let i = 0; i < head.length; i += 2) if (head[i] === token) return head[i + 1] / 1000;
  return 0;
}
