// TypeScript in colours: which kind of word stands where, by Prism, as plain data.

/** Cut a text into [type, length], in order; the type is null for what has none. */
export function colourTokens(text) {
  const found = [];
  collect(Prism.tokenize(text, Prism.languages.typescript), null, found);
  return found;
}

function collect(tokens, type, found) {
  for (const token of Array.isArray(tokens) ? tokens : [tokens]) {
    if (typeof token === "string") found.push([type, token.length]);
    else collect(token.content, token.type, found);
  }
}

/**
 * The pieces of a stretch of text between every boundary of its coloured words and its marks.
 * words   [[type, length], ...] from `from` on
 * marks   [{ start, end, ... }] in order, not overlapping
 * visit(start, end, type, mark) is called for each piece, in order
 */
export function walkPieces(words, from, marks, visit) {
  let place = from;
  let next = marks.findIndex((mark) => mark.end > from);
  if (next < 0) next = marks.length;
  for (const [type, length] of words) {
    const end = place + length;
    while (place < end) {
      while (next < marks.length && marks[next].end <= place) next += 1;
      const mark = marks[next];
      const inside = mark && mark.start <= place;
      const stop = Math.min(end, inside ? mark.end : (mark?.start ?? end));
      visit(place, stop, type, inside ? mark : null);
      place = stop;
    }
  }
}
