// The edit `strip_comments`: comments and JSDoc go.

import { DIRECTIVE, commentsOf } from "../comments.mjs";

/** A site per comment outside the gold; what the compiler reads stays. */
export function stripComments(text, gold) {
  let last = { end: 0, front: "line" };
  return commentsOf(text)
    .filter(({ start, end }) => !DIRECTIVE.test(text.slice(start, end)))
    .filter(({ start, end }) => !(start < gold.end && end > gold.start))
    .map(({ start, end }) => {
      last = removal(text, start, end, last);
      return {
        renames: [{ old: text.slice(start, end), new: "", kind: "comment" }],
        replacements: [{ start: last.start, end: last.end, text: last.text }],
      };
    });
}

/**
 * A comment goes with the spaces in front of it where it ends a line or a bracket closes behind it,
 * with its lines where it has them alone, and with the spaces behind it elsewhere. No removal
 * reaches into the one before, which may have left no other token in front of this one.
 */
function removal(text, start, end, last) {
  const indent = /[ \t]*$/.exec(text.slice(Math.max(last.end, start - 1000), start))[0].length;
  const front =
    start - indent === last.end ? last.front : frontOf(text[start - indent - 1], indent);
  const [spaces] = /^[ \t]*/.exec(text.slice(end, end + 1000));
  const behind = text.slice(end + spaces.length, end + spaces.length + 2);
  const lineBreak = /^(\r\n|[\n\r]|$)/.exec(behind);
  if (lineBreak) {
    const whole = front === "line" ? spaces.length + lineBreak[0].length : 0;
    return { start: start - indent, end: end + whole, text: "", front };
  }
  // A line break in a comment can end a statement.
  if (front !== "line" && /[\n\r\u2028\u2029]/.test(text.slice(start, end))) {
    return { start, end: end + spaces.length, text: "\n", front: "line" };
  }
  if (/^[),;\]]/.test(behind)) return { start: start - indent, end, text: "", front };
  if (front !== "token") return { start, end: end + spaces.length, text: "", front };
  return { start, end, text: spaces ? "" : " ", front: "space" };
}

/** What stands in front of a comment: a line's start, a space, or a token that needs one. */
function frontOf(before, indent) {
  if (before === undefined || before === "\n" || before === "\r") return "line";
  return indent > 0 || /[([{]/.test(before) ? "space" : "token";
}
