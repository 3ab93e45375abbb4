// What was changed, masked or put in front of a variant, and what was read off it, as tables.
import { element, percent } from "./dom.mjs";
import { codeCell, table } from "./table.mjs";
import { explained, term } from "./terms.mjs";

/** What was planted or hidden for each algorithm to find, beside its control. */
export function changesPanel({ changes }) {
  const what = (change) => (change ? [codeCell(change.old), " → ", codeCell(change.new)] : "–");
  const rows = changes.map(({ hypothesis, planted, found, change, control }) => [
    term("changes", hypothesis),
    planted === null ? "–" : codeCell(planted),
    what(change),
    codeCell(change.predicted),
    term("found", found),
    what(control),
    control ? codeCell(control.predicted) : "–",
  ]);
  const head = ["change for", "planted", "what changes", "answer then", "the answer", "control", "control: answer"];
  return table(head, rows, head.length);
}

/** What was masked, beside as many other tokens. */
export function masksPanel({ masks }) {
  const said = (mask) => (mask ? codeCell(mask.predicted) : "–");
  const sure = (mask) => (mask ? percent(mask.gold_probability) : "–");
  const rows = masks.map(({ way, distractor, n, found, change, control }) => [
    term("masks", distractor),
    term("masks", way),
    said(change),
    term("found", found),
    said(control),
    String(n),
    sure(change),
    sure(control),
  ]);
  const head = ["masked", "way", "answer then", "the answer", "control: answer", "tokens", "p(gold)", "control: p(gold)"];
  return table(head, rows, 5);
}

/** Solved examples in front of the prompt, by how they were chosen. */
export function shotsPanel({ shots }) {
  const rows = shots.map(({ choice, n_shots, n, n_correct, probability: sure, predicted }) => [
    term("choices", choice),
    answersCell(predicted),
    String(n_shots),
    `${n_correct} of ${n}`,
    percent(sure),
  ]);
  const head = ["chosen", "answers", "examples", "right, of draws", "mean p(gold)"];
  return table(head, rows, 2);
}

const answersCell = (texts) => texts.flatMap((text, i) => [i ? ", " : "", codeCell(text, 20)]);

/** What the probes read at each point, in runs of points that read the same. */
export function probesPanel(variants) {
  const rows = variants.flatMap(({ edit, probes }) =>
    probes.map(({ task, label, points, probed }) => [edit, term("tasks", task), codeCell(label), element("span", { class: "long" }, runs(points, probed, label))]),
  );
  const said = variants.map(({ edit, probes }) => `${edit}: ${probes[0].name_seen ? "an" : "no"} example of the group fit has the hole's name.`);
  return element(
    "div",
    {},
    table(["variant", "task", "what is right there", "what is read, by points"], rows, 4),
    element("p", { class: "faint" }, explained(`✓: right. ${said.join(" ")}`)),
  );
}

function runs(points, probed, label) {
  const found = [];
  for (const [i, text] of probed.entries()) {
    if (found.at(-1)?.text === text) found.at(-1).last = points[i];
    else found.push({ text, first: points[i], last: points[i] });
  }
  return found.flatMap(({ text, first, last }, i) => [
    `${i ? "; " : ""}${first === last ? first : `${first} to ${last}`} `,
    codeCell(text, 20),
    text === label ? " ✓" : "",
  ]);
}
