// Tables of a few rows, whose cells are texts or elements.
import { code, element } from "./dom.mjs";

/** A table that goes on sideways where it is wide. n_left: so many columns hold words. */
export function table(head, rows, nLeft = 1) {
  const line = (tag, cells) =>
    element("tr", {}, cells.map((cell, i) => element(tag, { class: i < nLeft ? "words" : null }, cell)));
  return element(
    "div",
    { class: "wide" },
    element(
      "table",
      {},
      element("thead", {}, line("th", head)),
      element("tbody", {}, rows.map((row) => line("td", row))),
    ),
  );
}

/** A text of a program or a model, as it stands in a table. */
export const codeCell = (text, limit = 28) => code(text, limit);
