// How an answer came out, told by sign and word as well as by colour.
import { element } from "./dom.mjs";

const SIGNS = { right: "✓", wrong: "✗", broken: "↯", mended: "↺" };

export const OUTCOMES = Object.keys(SIGNS);

export function badge(outcome) {
  return element(
    "span",
    { class: `badge ${outcome}`, title: `${outcome}: ${TERMS.outcomes[outcome]}` },
    element("span", { "aria-hidden": "true" }, SIGNS[outcome] ?? "·"),
    element("span", { class: "word" }, ` ${outcome}`),
  );
}
