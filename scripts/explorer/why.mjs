// Why an answer is what it is: one sentence on what the study's interventions on it showed.
import { element, visible } from "./dom.mjs";
import { explained } from "./terms.mjs";

const RULE = [
  "An intervention counts only beside its control. Planted types: the answer follows what it turns with, in the change and not in its control; it hangs on what moves it, where the control leaves it.",
  "Masks: what changes the answer, where as many other tokens change nothing.",
  "Donors, at the last token: the first point from which on the paired donor brings the target at every point, and how often the controls bring it there. The last point is left out: there the patch hands over the answer.",
  "What was not made of this variant is not said. One example is no rule: the report has the shares, with their intervals.",
];

/** The card of a variant's verdict. */
export function whyCard({ why, answer }) {
  const pieces = why.map((text, i) => (i % 2 ? element("code", {}, visible(text, 60)) : explained(text)));
  const rule = RULE.map((text) => element("p", {}, explained(text)));
  return element(
    "section",
    { class: "why" },
    element("h3", {}, "Why ", element("code", {}, visible(answer.predicted ?? "", 60)), "?"),
    element("p", {}, pieces),
    element("details", { class: "faint" }, element("summary", {}, "by which rule"), rule),
  );
}
