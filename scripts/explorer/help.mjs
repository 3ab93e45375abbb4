// The keys, on a sheet of their own.
import { element } from "./dom.mjs";

const KEYS = [
  ["/", "search"],
  ["↑ ↓ PgUp PgDn Home End", "go through the list"],
  ["Enter", "open the example"],
  ["← →", "the example before, the next, as the list has them"],
  ["1 … 9", "the first nine panels of an example"],
  ["Esc", "back to the list"],
  ["?", "this sheet"],
];

export function helpSheet() {
  const rows = KEYS.flatMap(([key, does]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, does)]);
  const close = element("button", { type: "button", onclick: () => sheet.close() }, "Close");
  const sheet = element(
    "dialog",
    { "aria-label": "Keys" },
    element("h2", {}, "Keys"),
    element("dl", { class: "keys" }, rows),
    element("p", { class: "faint" }, "In the logit lens the arrow keys move from cell to cell, in a source or a prompt that is wide to its sides. The address of every view is a link to it."),
    close,
  );
  return sheet;
}
