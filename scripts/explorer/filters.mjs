// The filter above the list.
import { element, select, visible } from "./dom.mjs";
import { NOTHING, commonest, outcomesByGolds } from "./rows.mjs";
import { term } from "./terms.mjs";

const CHOICES = ["outcome", "golds", "edit", "gold", "predicted", "package", "kind", "group"];
const MOST_CHOICES = 300;

/** The form. change(name, value) is called for every change; conditions name the patch effects. */
export function filterForm(rows, parameters, conditions, change) {
  const search = element("input", {
    type: "search",
    id: "search",
    placeholder: "name, type, package, path, id",
    value: parameters.get("q") ?? "",
    "aria-keyshortcuts": "/",
    oninput: () => change("q", search.value),
  });
  const more = CHOICES.map((name) => choice(rows, parameters, name, change));
  return element(
    "form",
    { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    element("label", { class: "field search" }, element("span", {}, term("filters", "search"), "  /"), search),
    ...more,
    ...(conditions.length ? effectFields(parameters, conditions, change) : []),
    element("button", { type: "button", class: "quiet", onclick: () => change(null, null) }, "clear"),
  );
}

function choice(rows, parameters, name, change) {
  const found = commonest(rows, name).slice(0, MOST_CHOICES);
  const chosen = parameters.get(name) ?? "";
  if (chosen && !found.some(([value]) => value === chosen)) found.push([chosen, 0]);
  const said = (value) => visible(value === NOTHING ? "" : value, 36);
  const counts = name === "outcome" ? outcomesByGolds(rows) : [];
  const counted = (value, n) => (counts.length > 1 ? counts.map(([golds, own]) => `${own.get(value) ?? 0} ${golds}`).join(", ") : n);
  const options = found.map(([value, n]) => [value, `${said(value)} (${counted(value, n)})`]);
  return select(term("filters", name), [["", "all"], ...options], chosen, (value) => change(name, value));
}

/** The condition whose effects are shown: the address may ask for one that is not there. */
export function chosenCondition(parameters, conditions) {
  const asked = parameters.get("condition");
  return conditions.includes(asked) ? asked : conditions[0];
}

function effectFields(parameters, conditions, change) {
  const condition = chosenCondition(parameters, conditions);
  const number = (name, label) => {
    const input = element("input", {
      type: "number",
      step: "0.1",
      value: parameters.get(name) ?? "",
      "aria-label": `${label} patch effect`,
      placeholder: label,
      oninput: () => change(name, input.value),
    });
    return input;
  };
  return [
    select(
      term("filters", "patch effect"),
      conditions.map((name) => [name, name]),
      condition,
      (value) => change("condition", value),
    ),
    element(
      "div",
      { class: "field" },
      element("span", {}, term("filters", "effect between")),
      element("div", { class: "range" }, number("least", "least"), number("most", "most")),
    ),
  ];
}
