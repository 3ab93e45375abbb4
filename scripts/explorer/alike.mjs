// The holes most like this one, and what the model says there.
import { badge } from "./badge.mjs";
import { decimal, element, visible } from "./dom.mjs";
import { routeAddress } from "./route.mjs";
import { codeCell, table } from "./table.mjs";
import { explained } from "./terms.mjs";

/** alike: { holes: [number, has the same name, cosine], note }; rowsOf(number): the list's rows of that example. */
export function alikePanel({ holes, note }, edit, rowsOf) {
  const rows = holes.map(([number, same, cosine]) => {
    const found = rowsOf(number);
    const row = found.find((other) => other.edit === edit) ?? found[0];
    const href = routeAddress("example", row.id, new Map([["edit", row.edit]]));
    return [
      element("a", { href }, element("code", {}, visible(row.name, 28))),
      same ? "same name" : "alike inside",
      codeCell(row.gold),
      codeCell(row.predicted),
      badge(row.outcome),
      row.edit,
      cosine === null ? "–" : decimal(cosine),
    ];
  });
  const shown = rows.length ? table(["hole", "why", "gold", "answer", "outcome", "variant", "cosine"], rows, 6) : null;
  return element("div", {}, shown, note && element("p", { class: "faint" }, explained(note)));
}
