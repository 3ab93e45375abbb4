// A file's text around a hole in pieces that a window may begin or end with.

import ts from "typescript";

/**
 * `{before_parts, after_parts}`: the text before and after the hole, split where a line begins,
 * but never inside a statement, a member or a comment that stands whole on one side of the hole.
 */
export function splitAround(sourceFile, text, start, end) {
  const whole = wholeRanges(sourceFile, start, end);
  const cuts = [];
  let next = 0;
  for (const at of lineStarts(text)) {
    while (next < whole.length && whole[next].end <= at) next += 1;
    if (next === whole.length || at <= whole[next].start) cuts.push(at);
  }
  const split = (from, to) => {
    const inside = cuts.filter((cut) => cut > from && cut < to);
    const edges = [from, ...inside, to];
    return edges.slice(1).map((edge, index) => text.slice(edges[index], edge)).filter(Boolean);
  };
  return { before_parts: split(0, start), after_parts: split(end, text.length) };
}

function* lineStarts(text) {
  for (let at = text.indexOf("\n") + 1; at > 0; at = text.indexOf("\n", at) + 1) yield at;
}

/** Disjoint ranges in order: the siblings of all that contains the hole, and comments before it. */
function wholeRanges(sourceFile, start, end) {
  const { text } = sourceFile;
  const ranges = [];
  const visit = (node) => {
    if (node.pos >= end || node.end <= start) {
      if (isListed(node)) ranges.push({ start: withComments(text, node), end: node.end });
      // The body of the hole's own function.
      else if (ts.isBlock(node)) ts.forEachChild(node, visit);
      return;
    }
    for (const comment of ts.getLeadingCommentRanges(text, node.pos) ?? []) {
      ranges.push({ start: comment.pos, end: comment.end });
    }
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(sourceFile, visit);
  const ordered = ranges.sort((a, b) => a.start - b.start || b.end - a.end);
  return ordered.filter((range, index) => index === 0 || range.start >= ordered[index - 1].end);
}

function isListed(node) {
  return (
    ts.isStatement(node) ||
    ts.isClassElement(node) ||
    ts.isObjectLiteralElement(node) ||
    ts.isCaseOrDefaultClause(node)
  );
}

function withComments(text, node) {
  const comments = ts.getLeadingCommentRanges(text, node.pos) ?? [];
  // What stands on the line of the token before belongs to that token.
  const own = comments.find(({ pos }) => text.slice(node.pos, pos).includes("\n"));
  return own ? own.pos : node.getStart();
}
