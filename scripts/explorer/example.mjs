// The page of one example: source, answers, and what each table says of its variants.
import { promptPanel } from "./attention.mjs";
import { alikePanel } from "./alike.mjs";
import { badge } from "./badge.mjs";
import { changesPanel, masksPanel, probesPanel, shotsPanel } from "./causes.mjs";
import { componentsPanel } from "./components.mjs";
import { directPanel } from "./direct.mjs";
import { code, element, percent, select, visible } from "./dom.mjs";
import { lensPanel } from "./lens.mjs";
import { samplesPanel, steeringPanel } from "./outcomes.mjs";
import { patchPanel } from "./patches.mjs";
import { positionsPanel } from "./positions.mjs";
import { barLegend, topBars, topDomain } from "./predictions.mjs";
import { noteParameter, routeAddress } from "./route.mjs";
import { sourcePanel } from "./source.mjs";
import { explained, term } from "./terms.mjs";
import { tracesPanel } from "./traces.mjs";
import { verdictOf, wholePanel, wholePatchesPanel } from "./whole.mjs";
import { whyCard } from "./why.mjs";

const OF_WHOLE_TYPES = ["whole_types", "whole_patches", "samples"]; // what is asked of golds of any length

/**
 * The page's content: { page, panels: [{ id, title, frame, show }] }, the panels in their order;
 * show() fills one that has not come near the screen yet.
 * example     a block of data
 * rows        the list's rows of this example, one a variant
 * tables      the names of the tables that the study has
 * parameters  of the address
 * rowsOf      the list's rows of another example, by its id or its number
 */
export function examplePage(example, rows, tables, parameters, rowsOf) {
  const edits = example.variants.map((variant) => variant.edit);
  const edit = edits.includes(parameters.get("edit")) ? parameters.get("edit") : edits.at(-1);
  const variant = example.variants.find((other) => other.edit === edit);
  const original = example.variants.find((other) => other.edit === "original");
  const compared = original && original !== variant ? [original, variant] : [variant];
  const [row] = rows;
  const all = panels(example, variant, compared, parameters, rowsOf);
  const shown = all.filter(({ there }) => there).map(({ id, title, fill }) => ({ id, title, ...panel(id, title, fill) }));
  const parts = Object.entries(partsThere(compared));
  const absent = [...all.map(({ id, there }) => [id, there]), ...parts].filter(([, there]) => !there).map(([id]) => id);
  const isAsked = (id) => OF_WHOLE_TYPES.includes(id) || compared.some((shown) => shown.is_predicted);
  const page = element(
    "article",
    { class: "example" },
    heading(row, edits, edit),
    whyCard(variant),
    element("div", { class: "answers" }, compared.map(answerCard)),
    notAsked(absent.filter((id) => tables.includes(id) && isAsked(id))),
    askedOfOneToken(absent.filter((id) => tables.includes(id) && !isAsked(id))),
    notRun(absent.filter((id) => !tables.includes(id))),
    ...shown.map(({ frame }) => frame),
  );
  return { page, panels: shown };
}

/** What a panel shows beside its own table, by the table that it comes of. */
function partsThere(compared) {
  return {
    linear_lens: compared.some(({ lens }) => lens?.positions.last_linear),
    direct_heads: compared.some(({ direct }) => direct?.heads),
    attention_tokens: compared.some(({ attention }) => attention.length > 0),
    attention_shares: compared.some(({ shares }) => Object.keys(shares).length > 0),
  };
}

const namesOf = (ids) => ids.flatMap((id, i) => [i ? ", " : "", term("experiments", id)]);

/** Panels that are missing here and not in the study, each named by what would have made it, with the reasons. */
function notAsked(ids) {
  if (!ids.length) return null;
  const reasons = ids.map((id) => [element("dt", {}, id), element("dd", {}, explained(TERMS.absent[id]))]);
  return element(
    "details",
    { class: "faint absent" },
    element("summary", {}, "Not asked of this variant: ", namesOf(ids), ". Why?"),
    element("dl", {}, reasons),
  );
}

/** Panels that follow first tokens, of a gold that no prediction asks: one reason for all. */
function askedOfOneToken(ids) {
  if (!ids.length) return null;
  return element(
    "details",
    { class: "faint absent" },
    element("summary", {}, "Asked of golds of one token alone: ", namesOf(ids), ". Why?"),
    element("p", {}, explained(TERMS.golds.longer), "."),
  );
}

function notRun(ids) {
  return ids.length ? element("p", { class: "faint absent" }, "Not run in this study: ", namesOf(ids), ".") : null;
}

function heading(row, edits, edit) {
  const others = edits.filter((other) => other !== "original");
  const choose = (value) => {
    location.hash = routeAddress("example", row.id, new Map([["edit", value]]));
  };
  return element(
    "header",
    {},
    element("h2", { tabindex: "-1" }, element("code", {}, visible(row.name, 80)), ` ${row.kind}`),
    element("p", { class: "faint" }, `${row.package} · ${row.path} · group ${row.group} · ${row.id}`),
    others.length
      ? select(term("controls", "edit"), edits.map((other) => [other, other]), edit, choose)
      : element("p", { class: "faint" }, "Only the original was asked."),
  );
}

function answerCard(variant) {
  const { answer } = variant;
  const fact = (said, text) => [element("dt", {}, said), element("dd", {}, text)];
  const said = (text) => code(text, 120);
  return element(
    "section",
    { class: "card" },
    element("h3", {}, variant.edit, " ", badge(answer.outcome)),
    element(
      "dl",
      {},
      fact(explained("gold"), said(answer.gold)),
      fact(term("columns", "predicted"), said(answer.predicted)),
      variant.is_predicted ? fact(term("heads", "p(gold)"), sureness(answer)) : fact(term("heads", "verdict"), verdictOf(variant.whole)),
      fact(term("heads", "completion"), [said(answer.completion), cutMark(answer)]),
    ),
  );
}

function sureness({ gold_probability: probability, gold_rank: rank }) {
  return `${percent(probability)}, rank ${rank === null ? "–" : rank + 1}`;
}

/** That a completion did not come to its end. */
function cutMark({ cut_at: most }) {
  return most && element("abbr", { class: "cut", title: `cut: the model was asked for ${most} tokens at most` }, "…");
}

// What a reader who comes here first has to know of each panel.
const ABOUT = {
  source: "The program before and after the edit. Framed: the hole, with its gold type in it. Shaded: what the edit changed.",
  predictions: "The likeliest first tokens at the hole.",
  lens: "What the model would say if its residual stream ended here: at point 0 it holds the embeddings alone, at the last point the answer. last_linear: the same at the last token through a linear map to the last point, which reads early points better; it was fitted on the group fit and is shown for prompts of the group test.",
  direct_logits: "Direct logit attribution: what each block writes at the last token, straight through the final norm, its scale as it is there, to the logit of the gold less that of the foil. All bars together are the model's own difference. Below, the same by head: a block's heads, the biases of its attention and its MLP add up to its bar. What a part does by way of later blocks is not in its share.",
  patches: "At one point at a time, a donor's residual at the last token takes the place of this prompt's own. Effect 0: as without the patch; 1: as the donor. The question is asked with the paired donor, all others are controls.",
  whole_types: "The type that the model completes greedily, however long, and the compiler's verdict on it in this program. Of a gold of one token the card above and the list go by the first token alone: what is right there may go on to another type here.",
  whole_patches: "As in the patches, a donor's residual at the last token, one point at a time; but target and foil are whole types, of any length. The effect is of their log-probabilities, each summed over its tokens, target less foil. 0: as without the patch; 1: as in the donor's own prompt, which the last point need not reach: later tokens read the rest of the recipient's. Filled: with the patch the model completes the target.",
  steering: "A vector is added to the residual at the last token. Does the answer become the gold type?",
  samples: "Completions that were drawn at random, not greedily, each until its type ended, and the compiler's verdicts on them in this program. pass@k: the chance that one of k is right.",
  patch_positions: "The same at other tokens than the last, and at sets of them; the effect in colour. Of several points together, the first is named.",
  components: "Not the whole residual is replaced, but what one part of one block adds to it at the last token.",
  traces: "Where does the difference lie? Each token alone takes the residual of the same token of its aligned partner, which has other names of as many tokens. The stronger the colour, the larger the effect.",
  algorithms: "Something is planted, or hidden, that one algorithm alone would read. If the answer follows it and not its control, that is where the answer comes from.",
  masking: "What becomes of the answer where a part of the prompt is out of the text, or out of the attention's sight.",
  icl: "Solved holes of other programs stand in front of the prompt. right, of draws: for how many of them the answer is the gold.",
  probes: "What a linear probe, fitted on the group fit, reads at the last token of prompts of the group test.",
  alike: "Holes of other programs and of the same kind: first those of the same name, then by cosine of the original's residual at the last token and the middle point.",
  prompt: "What the model read. Underlined: the tokens that have a name, such as the last one in front of the hole.",
};

/** Every panel, also those that have nothing of this variant; an id is the name of its table. */
function panels(example, variant, compared, parameters, rowsOf) {
  const note = noteParameter;
  const at = (key) => parameters.get(key);
  const isWrong = ({ answer }) => !["right", "mended"].includes(answer.outcome);
  const wrong = compared.findLast(isWrong) ?? example.variants.find(isWrong);
  const withLens = compared.filter((shown) => shown.lens);
  const withDirect = compared.filter((shown) => shown.direct);
  const withProbes = compared.filter((shown) => shown.probes.length);
  const predicted = compared.filter((shown) => shown.is_predicted);
  const withWhole = compared.filter((shown) => shown.whole);
  const withSamples = compared.filter((shown) => shown.samples);
  const steered = variant.steering.some((entry) => entry.kind !== "none");
  const made = [
    ["source", "Source", true, () => sourcePanel(example, variant)],
    ["predictions", "Predictions", predicted.length > 0, () => predictionsPanel(predicted)],
    ["whole_types", "Whole type", withWhole.length > 0, () => wholePanel(withWhole)],
    [
      "lens",
      "Logit lens",
      withLens.length > 0,
      () => lensPanel(withLens, wrong, { metric: at("lens"), cell: at("cell") }, note),
    ],
    ["direct_logits", "Blocks and heads", withDirect.length > 0, () => directPanel(withDirect)],
    ["patches", "Patches", variant.pairs.length > 0, () => patchPanel(example, variant, at("measure"), (id) => rowsOf(id)?.[0].name, note)],
    ["whole_patches", "Whole types lent", variant.lent.length > 0, () => wholePatchesPanel(variant, (id) => rowsOf(id)?.[0].name)],
    ["patch_positions", "Patches at other tokens", variant.positions.length > 0, () => positionsPanel(variant, at("donor"), note)],
    ["components", "Parts of blocks", variant.parts.length > 0, () => componentsPanel(variant, at("donor"), note)],
    ["traces", "Token by token", example.traces.length > 0, () => tracesPanel(example.traces, { trace: at("trace"), point: at("traced") }, note)],
    ["algorithms", "Algorithms", variant.changes.length > 0, () => changesPanel(variant)],
    ["masking", "Masking", variant.masks.length > 0, () => masksPanel(variant)],
    ["steering", "Steering", steered, () => steeringPanel(variant, at("vector"), note)],
    ["icl", "Solved examples", variant.shots.length > 0, () => shotsPanel(variant)],
    ["probes", "Probes", withProbes.length > 0, () => probesPanel(withProbes)],
    ["samples", "Samples", withSamples.length > 0, () => samplesPanel(withSamples)],
    ["alike", "Holes like this one", true, () => alikePanel(example.alike, variant.edit, rowsOf)],
    [
      "prompt",
      hasAttention(variant) ? "Prompt and attention" : "Prompt",
      true,
      () => promptChooser(compared, parameters, note),
    ],
  ];
  return made.map(([id, title, there, fill]) => ({ id, title, there, fill }));
}

const hasAttention = ({ attention, shares }) => attention.length > 0 || Object.keys(shares).length > 0;

/** A panel is filled when it comes near the screen: an example opens at once. */
function panel(id, title, fill) {
  const body = element("div", { class: "panel-body" });
  const about = element("p", { class: "faint about" }, explained(ABOUT[id]));
  const made = element("section", { class: "panel", id: `panel-${id}` }, element("h2", {}, explained(title)), about, body);
  const show = () => {
    watcher.disconnect();
    if (!body.hasChildNodes()) body.replaceChildren(fill());
  };
  const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && show(), {
    rootMargin: "300px",
  });
  watcher.observe(made);
  return { frame: made, show };
}

function predictionsPanel(compared) {
  const domain = topDomain(compared.map((variant) => variant.answer.top10));
  const charts = compared.map(({ edit, answer }) =>
    topBars(`First token, ${edit}`, answer.top10, answer.gold_rank, answer, domain).frame,
  );
  return element("div", {}, element("div", { class: "grid" }, charts), barLegend());
}

function promptChooser(compared, parameters, note) {
  const place = element("div", {});
  const edits = compared.map((variant) => variant.edit);
  const asked = parameters.get("prompt");
  const show = (edit) => {
    const variant = compared.find((shown) => shown.edit === edit);
    const at = Object.fromEntries(["block", "head", "token", "region"].map((key) => [key, parameters.get(key)]));
    place.replaceChildren(promptPanel(variant, at, note));
  };
  show(edits.includes(asked) ? asked : edits.at(-1));
  if (edits.length < 2) return place;
  const choose = (value) => {
    note("prompt", value);
    show(value);
  };
  const control = select(term("controls", "prompt of"), edits.map((edit) => [edit, edit]), edits.includes(asked) ? asked : edits.at(-1), choose);
  return element("div", {}, element("div", { class: "controls" }, control), place);
}
