// What every token carries: the effect of patching it alone, on the text that the model read.
import { decimal, element, select, tokenText, visible } from "./dom.mjs";
import { heatColour } from "./heat.mjs";
import { codeCell, table } from "./table.mjs";
import { explained, term } from "./terms.mjs";

const EVERY = "most, of all but the last";
const N_TOKENS = 6;

/** The panel of an example's traces. at: { trace, point }, told changes through note(). */
export function tracesPanel(traces, at, note) {
  const conditions = traces.map((trace) => trace.condition);
  const state = { trace: conditions.includes(at.trace) ? at.trace : conditions[0], point: at.point ?? EVERY };
  const place = element("div", {});
  draw();
  return place;

  function change(name, value) {
    state[name] = value;
    note(name === "point" ? "traced" : name, value);
    draw();
  }

  function draw() {
    const trace = traces.find(({ condition }) => condition === state.trace);
    const points = trace.points.map(String);
    const point = points.includes(state.point) ? state.point : EVERY;
    const cells = tokenCells(trace, points.indexOf(point));
    place.replaceChildren(
      element(
        "div",
        { class: "controls" },
        select(term("controls", "condition"), conditions.map((name) => [name, name]), state.trace, (value) => change("trace", value)),
        select(term("controls", "point"), [EVERY, ...points].map((name) => [name, name]), point, (value) => change("point", value)),
      ),
      element("p", {}, tracedLine(trace)),
      element(
        "div",
        { class: "split" },
        element("div", {}, element("pre", { class: "prompt", tabindex: "0", "aria-label": "Effects of tokens" }, cells.map(tracedToken)), heatScale()),
        strongestTokens(cells),
      ),
    );
  }
}

function tracedLine({ condition, edit, target }) {
  return [term("given", condition), `: at one token of ${edit} at a time comes the residual of its aligned partner. The target is `, codeCell(target, 60), "."];
}

/** Each token at a point, or where it does most; index: of the point, -1 for all but the last,
 * at which the last token alone is patched, and hands over the answer. */
function tokenCells({ points, tokens, effects, predicted, texts }, index) {
  return tokens.map(([text, role], token) => {
    const asked = index < 0 ? [...points.keys()].slice(0, -1) : [index];
    const known = asked.filter((i) => effects[token][i] !== null);
    const best = known.reduce((found, i) => (found === null || effects[token][i] > effects[token][found] ? i : found), null);
    return {
      token,
      text,
      role,
      point: best === null ? null : points[best],
      effect: best === null ? 0 : effects[token][best],
      predicted: best === null ? null : texts[predicted[token][best]],
    };
  });
}

function tracedToken({ token, text, role, point, effect, predicted }) {
  const said = point === null ? "nothing differs there" : `point ${point}: effect ${decimal(effect)}, then ${visible(predicted, 24)}`;
  const style = effect > 0 ? `background-color: ${heatColour(Math.min(1, effect))}` : null;
  return element("span", { class: "token", style, title: `token ${token}, ${role}; ${said}` }, tokenText(text));
}

/** What the colours mean: from the paper to the strongest. */
function heatScale() {
  const ramp = `background: linear-gradient(to right, ${heatColour(0)}, ${heatColour(1)})`;
  return element("p", { class: "faint ramp" }, explained("effect 0 "), element("i", { style: ramp }), " 1 or more");
}

function strongestTokens(cells) {
  const moved = cells.filter((cell) => Number(decimal(cell.effect)) > 0).sort((a, b) => b.effect - a.effect).slice(0, N_TOKENS);
  if (!moved.length) return element("p", { class: "faint" }, explained("No token has an effect above 0 there."));
  const rows = moved.map(({ text, role, point, effect, predicted }) => [codeCell(text, 20), term("roles", role), codeCell(predicted, 20), String(point), decimal(effect)]);
  return table(["strongest tokens", "role", "answer then", "point", "effect"], rows, 3);
}
