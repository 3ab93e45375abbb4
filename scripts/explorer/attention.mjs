// The prompt as the model reads it, and on it where the last token looks, head by head.
import { counted, element, percent, select, tokenText, visible } from "./dom.mjs";
import { addScale, figure } from "./figure.mjs";
import { heatColour } from "./heat.mjs";
import { term } from "./terms.mjs";

const MARKED = "weight on the marked token";

/** The panel of one variant's prompt. at: { block, head, token, region }; note() is told of changes. */
export function promptPanel(variant, at, note) {
  const { pieces, positions } = variant.prompt;
  const heads = variant.attention;
  const named = new Map(Object.entries(positions).map(([name, index]) => [index, name]));
  const tokens = pieces.map((piece, index) => tokenElement(piece, index, named.get(index)));
  const text = element("pre", { class: "prompt", tabindex: "0", "aria-label": "Prompt" }, tokens);
  const regions = Object.keys(variant.shares).sort();
  if (!heads.length && !regions.length) return element("div", {}, extentLine(variant), text);

  const token = numberOf(at.token) in pieces ? numberOf(at.token) : (positions.hole_name ?? 0);
  const state = {
    token,
    region: regions.includes(at.region) || !heads.length ? (at.region ?? regions[0]) : MARKED,
    head: chosenHead(heads, at) ?? keenestHead(heads, token),
  };
  const map = figure("Attention of the last token", (width) => headMap(mapCells(), state, width, choose));
  const controls = element("div", { class: "controls" });
  text.addEventListener("click", (event) => {
    const index = event.target.closest("[data-token]")?.dataset.token;
    if (index !== undefined && getSelection().isCollapsed) change("token", Number(index));
  });
  draw();
  return element(
    "div",
    {},
    extentLine(variant),
    controls,
    element("div", { class: "split" }, element("div", {}, text, explanation(heads)), map.frame),
  );

  function choose(block, head) {
    const found = heads.find((entry) => entry[0] === block && entry[1] === head);
    if (!found) return;
    state.head = found;
    note("block", block);
    note("head", head);
    draw();
  }

  function change(name, value) {
    state[name] = value;
    note(name, value);
    draw();
  }

  function mapCells() {
    if (state.region !== MARKED) return variant.shares[state.region];
    return heads.map(([block, head, looked]) => [block, head, weightOn(looked, state.token)]);
  }

  function draw() {
    paintTokens(tokens, pieces, state);
    controls.replaceChildren(...headControls(heads, regions, state, choose, change));
    map.redraw();
  }
}

function extentLine(variant) {
  const { n_tokens: shown, n_prompt_truncated: left } = variant.answer;
  const { window: unit } = variant.prompt;
  const about = unit === null ? "" : `; window: ${unit}; ${counted(left, "token")} of the program outside it`;
  return element("p", { class: "faint" }, `${counted(shown, "token")}${about}.`);
}

function explanation(heads) {
  if (!heads.length) return null;
  const text = "The text is coloured by what the chosen head looks at. Click a token to mark it, a cell of the map for its head. Weights under 2% are not kept.";
  return element("p", { class: "faint" }, text);
}

const numberOf = (text) => Number.parseInt(text, 10);

function chosenHead(heads, at) {
  return heads.find(([block, head]) => block === numberOf(at.block) && head === numberOf(at.head));
}

/** The head that looks at a token most; undefined without heads. */
function keenestHead(heads, token) {
  const weight = ([, , looked]) => weightOn(looked, token);
  const keener = (best, head) => (weight(head) > weight(best) ? head : best);
  return heads.length ? heads.reduce(keener) : undefined;
}

function weightOn(looked, token) {
  for (let i = 0; i < looked.length; i += 2) if (looked[i] === token) return looked[i + 1] / 1000;
  return 0;
}

function tokenElement(piece, index, name) {
  const attributes = { class: name ? "token named" : "token", "data-token": index };
  return element("span", { ...attributes, "data-name": name ?? null }, tokenText(piece));
}

function paintTokens(tokens, pieces, { head, token: marked, region }) {
  for (const [index, token] of tokens.entries()) {
    const weight = head ? weightOn(head[2], index) : 0;
    const said = head ? `, ${percentOf(weight)}` : "";
    token.style.backgroundColor = weight ? heatColour(Math.sqrt(weight)) : "";
    token.title = `token ${index}: ${visible(pieces[index], 30)}${said}`;
    token.classList.toggle("marked", index === marked && region === MARKED);
  }
}

const percentOf = (weight) => (weight ? `${(100 * weight).toFixed(1)}%` : "under 2%");

function headControls(heads, regions, state, choose, change) {
  const made = [];
  if (state.head) {
    const [block, head] = state.head;
    const blocks = [...new Set(heads.map((entry) => entry[0]))];
    const inBlock = (number) => heads.filter((entry) => entry[0] === number).map((entry) => entry[1]);
    const toBlock = (value) => {
      const there = inBlock(Number(value));
      choose(Number(value), there.includes(head) ? head : there[0]);
    };
    made.push(
      select(term("controls", "block"), blocks.map((b) => [String(b), String(b)]), String(block), toBlock),
      select(term("controls", "head"), inBlock(block).map((h) => [String(h), String(h)]), String(head), (value) =>
        choose(block, Number(value)),
      ),
    );
  }
  const choices = [...(heads.length ? [MARKED] : []), ...regions];
  if (choices.length > 1) {
    const options = choices.map((name) => [name, name === MARKED ? name : `share of ${name}`]);
    made.push(select(term("controls", "map"), options, state.region, (value) => change("region", value)));
  }
  return made;
}

/** cells: [block, head, weight]. */
function headMap(cells, state, width, choose) {
  const rows = cells.map(([block, head, weight]) => ({ block, head: String(head), number: head, weight }));
  const heads = [...new Set(cells.map(([, head]) => head))].sort((a, b) => a - b);
  const blocks = [...new Set(cells.map(([block]) => block))].sort((a, b) => b - a);
  const [what, said] = state.region === MARKED ? [`token ${state.token}`, percentOf] : [state.region, percent];
  const plot = Plot.plot({
    width,
    height: Math.max(120, 15 * blocks.length + 78),
    marginLeft: 48,
    marginTop: 40,
    marginBottom: 24,
    padding: 0.06,
    x: { domain: heads.map(String), axis: "top", label: "head", labelAnchor: "center", labelArrow: "none", tickSize: 0 },
    y: { domain: blocks, label: "block", labelArrow: "none", tickSize: 0 },
    marks: [
      Plot.cell(rows, {
        x: "head",
        y: "block",
        fill: (row) => heatColour(Math.sqrt(row.weight)),
        stroke: "var(--line)",
      }),
      Plot.tip(
        rows,
        Plot.pointer({
          x: "head",
          y: "block",
          title: (row) => `block ${row.block}, head ${row.head}\n${said(row.weight)} on ${what}`,
        }),
      ),
    ],
  });
  addScale(plot, state.region === MARKED ? "root of weight" : "root of share", ["0%", "100%"], 48);
  for (const [i, rect] of [...plot.querySelectorAll('[aria-label="cell"] rect')].entries()) {
    const { block, number } = rows[i];
    rect.classList.toggle("chosen", block === state.head?.[0] && number === state.head[1]);
    rect.addEventListener("click", () => choose(block, number));
  }
  return plot;
}
