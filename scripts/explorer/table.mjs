// Tables of a few rows, whose cells are texts or elements.
import { code, element } from "./dom.mjs";
import { term } from "./terms.mjs";

/**
 * A table that goes on sideways where it is wide.
 * head   of each column its name, with its meaning in the group `heads` of the terms, or an element
 * nLeft  so many columns hold words
 */
export function table(head, rows, nLeft = 1) {
  const line = (tag, cells) =>
    element("tr", {}, cells.map((cell, i) => element(tag, { class: i < nLeft ? "words" : null }, cell)));
  return element(
    "div",
    { class: "wide" },
    element(
      "table",
      {},
      element("thead", {}, line("th", head.map((name) => (typeof name === "string" ? term("heads", name) : name)))),
      element("tbody", {}, rows.map((row) => line("td", row))),
    ),
  );
}

/** A text of a program or a model, as it stands in a table. */
export const codeCell = (text, limit = 28) => code(text, limit);
