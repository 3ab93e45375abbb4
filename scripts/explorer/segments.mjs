// Two texts of a program side by side: which characters changed, and which lines face each other.

/**
 * The text after an edit, and where the changes lie in both.
 * changes  [[kept, replaced, text], ...] in UTF-16 units of `before`
 * returns  { after, marks: [{ before: [start, end], after: [start, end], old, new }] }
 */
export function applyChanges(before, changes) {
  const parts = [];
  const marks = [];
  let [place, length] = [0, 0];
  for (const [kept, replaced, text] of changes) {
    parts.push(before.slice(place, place + kept), text);
    place += kept;
    length += kept;
    marks.push({
      before: [place, place + replaced],
      after: [length, length + text.length],
      old: before.slice(place, place + replaced),
      new: text,
    });
    place += replaced;
    length += text.length;
  }
  return { after: parts.join("") + before.slice(place), marks };
}

/**
 * The lines of both texts, facing each other.
 * returns  [before, after]: lists of equal length of { number, start, end }, null where the other
 *          text has a line more
 */
export function facingLines(before, after, marks) {
  const sides = [lineWriter(before), lineWriter(after)];
  const level = () => {
    const length = Math.max(...sides.map((side) => side.rows.length));
    for (const side of sides) while (side.rows.length < length) side.rows.push(null);
  };
  const keep = (ends) => {
    // Text that both have holds the same line breaks: behind each, both go on in one row.
    while (sides[0].nextBreak() < ends[0]) {
      for (const side of sides) side.endLine();
      level();
    }
  };
  for (const mark of marks) {
    keep([mark.before[0], mark.after[0]]);
    while (sides[0].nextBreak() < mark.before[1]) sides[0].endLine();
    while (sides[1].nextBreak() < mark.after[1]) sides[1].endLine();
  }
  keep([before.length, after.length]);
  for (const side of sides) side.endText();
  level();
  return sides.map((side) => side.rows);
}

function lineWriter(text) {
  const rows = [];
  let [start, number] = [0, 1];
  const nextBreak = () => {
    const found = text.indexOf("\n", start);
    return found < 0 ? Infinity : found;
  };
  const push = (end) => {
    rows.push({ number, start, end });
    number += 1;
  };
  return {
    rows,
    nextBreak,
    endLine() {
      const end = nextBreak();
      push(end);
      start = end + 1;
    },
    endText() {
      push(text.length);
    },
  };
}
