// Elements made by hand: every text of the data goes in as a text node, so none can be markup.

/** An element. attributes: properties that start with "on" are listeners, null ones are left out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** A select of [value, label] pairs that calls `choose` with the value. label: a text or an element. */
export function select(label, options, chosen, choose) {
  const control = element(
    "select",
    { onchange: () => choose(control.value) },
    options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)),
  );
  return element("label", { class: "field" }, element("span", {}, label), control);
}

/** A text of the model or a program, with what would not be seen made visible, cut to `limit`. */
export function visible(text, limit = 40) {
  if (text === "") return "(nothing)";
  const shown = text
    .replace(/\n/g, "⏎")
    .replace(/\t/g, "⇥")
    .replace(/\r/g, "␍")
    .replace(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length))
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
  const characters = [...shown];
  return characters.length <= limit ? shown : `${characters.slice(0, limit - 1).join("")}…`;
}

/** A text of a program or a model as code; where it is cut to `limit`, its hover has the whole. */
export function code(text, limit) {
  const [shown, whole] = [visible(text ?? "", limit), visible(text ?? "", Infinity)];
  return element("code", { title: shown === whole ? null : whole }, shown);
}

/** The text of a token of a prompt: one that is a line break alone is seen. */
export const tokenText = (piece) => (/^\s*\n\s*$/.test(piece) ? piece.replace("\n", "⏎\n") : piece);

/** A number with so many decimals, never a negative zero. */
export const decimal = (value, n = 2) => value.toFixed(n).replace(/^-(0(\.0*)?)$/, "$1");

/** `1 rename`, `2,000 renames`. */
export const counted = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

/** A share as a percentage. */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
}
