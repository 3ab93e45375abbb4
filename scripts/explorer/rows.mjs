// The variants of the list as objects, made of the columns that they come in, and their filter.

/** One object a variant; `effect` is of the condition that is shown. */
export function listRows(index) {
  const { examples, variants, texts } = index;
  return variants.example.map((number, row) => {
    const effects = Object.entries(variants.effects).map(([name, column]) => [name, column[row]]);
    return {
      row,
      number,
      id: examples.id[number],
      name: examples.name[number],
      package: texts[examples.package[number]],
      path: texts[examples.path[number]],
      kind: texts[examples.kind[number]],
      group: texts[examples.group[number]],
      edit: texts[variants.edit[row]],
      outcome: texts[variants.outcome[row]],
      golds: texts[variants.golds[row]],
      gold: texts[variants.gold[row]],
      predicted: texts[variants.predicted[row]],
      gold_rank: variants.gold_rank[row],
      gold_probability: variants.gold_probability[row],
      effects: Object.fromEntries(effects),
      effect: null,
      text: null,
    };
  });
}

/** The rows as the list opens: broken ones first, of these first those with effects of patches. */
export function openingOrder(rows) {
  const patched = ({ effects }) => Object.values(effects).some((effect) => effect !== null);
  const place = (row) => (row.outcome !== "broken" ? 2 : patched(row) ? 0 : 1);
  return rows.toSorted((a, b) => place(a) - place(b)); // it is stable
}

/** What the search looks through, made when it is first asked for. */
function searchText(row) {
  row.text ??= [row.name, row.package, row.path, row.gold, row.predicted, row.id]
    .join("\n")
    .toLowerCase();
  return row.text;
}

// What an edit changed is an answer too: the report counts it among the right or the wrong ones.
const ANSWERS = { mended: "right", broken: "wrong" };

// The choice of an empty text: in a form and in an address "" is no choice. No other text is so
// spelled, as none begins with white space.
export const NOTHING = " ";

function valuesOf(row, name) {
  const answer = name === "outcome" && ANSWERS[row.outcome];
  return answer ? [row.outcome, answer] : [row[name] || NOTHING];
}

const SAME = ["outcome", "golds", "edit", "package", "gold", "predicted", "kind", "group"];

/** A predicate for the filter's parameters; a row passes if it has all that is asked. */
export function rowFilter(parameters) {
  const asked = SAME.filter((name) => parameters.get(name));
  const words = (parameters.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const [least, most] = ["least", "most"].map((name) => parameters.get(name));
  return (row) =>
    asked.every((name) => valuesOf(row, name).includes(parameters.get(name))) &&
    words.every((word) => searchText(row).includes(word)) &&
    within(row.effect, least, most);
}

function within(effect, least, most) {
  if (!least && !most) return true;
  if (effect === null) return false;
  return (!least || effect >= Number(least)) && (!most || effect <= Number(most));
}

/**
 * How the answers came out, for each length of golds by itself: the one kind is right by a first token, the other by a
 * whole type. Right and wrong are counted as in the report, with what an edit changed among them.
 */
export function outcomesByGolds(rows) {
  return [...d3.group(rows, (row) => row.golds)].map(([golds, own]) => [golds, new Map(commonest(own, "outcome"))]);
}

/** The values of a column, the commonest first, with their counts. */
export function commonest(rows, name) {
  const counts = new Map();
  for (const value of rows.flatMap((row) => valuesOf(row, name))) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
