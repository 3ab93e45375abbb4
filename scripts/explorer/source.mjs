// The program before and after the edit, side by side, in colours, its hole and its changes marked.
import { colourTokens, walkPieces } from "./colouring.mjs";
import { counted, element } from "./dom.mjs";
import { applyChanges, facingLines } from "./segments.mjs";

const CONTEXT = 14; // lines that are shown on each side of the hole at first
const STEP = 100; // and how many more at a time
const LEAD = 60; // lines in front of those shown that the colouring sees
const MOST_NAMES = 40;
const EDGE = 24; // pixels between the hole and the edge behind which it would be hidden

/** The panel. `example` and one of its `variants`, as build_explorer packs them. */
export function sourcePanel(example, variant) {
  const before = example.source.text;
  const same = variant.edit === "original";
  const { after, marks } = applyChanges(before, same ? [] : variant.source.changes);
  const [left, right] = facingLines(before, after, marks);
  const sides = [
    side("original", before, left, example.source.hole, marks, "before"),
    ...(same ? [] : [side(variant.edit, after, right, variant.source.hole, marks, "after")]),
  ];
  const row = left.findIndex((line) => line && line.end >= example.source.hole[0]);
  const range = [Math.max(0, row - CONTEXT), Math.min(left.length, row + CONTEXT + 1)];
  const [above, below] = [more("above", 0, -STEP), more("below", 1, STEP)];
  const panes = element("div", { class: `panes panes-${sides.length}` });
  const names = element("div", { class: "chips", "aria-label": "Renames" });
  const light = lighter(panes);
  scrollTogether(panes);
  draw();
  requestAnimationFrame(() => showHole(panes));
  return element("div", { class: "source" }, above, panes, below, sides.length > 1 ? names : null);

  function more(where, end, step) {
    const grow = (amount) => {
      range[end] = Math.min(Math.max(range[end] + amount, 0), left.length);
      draw();
    };
    const button = (label, amount) =>
      element("button", { type: "button", class: "quiet", onclick: () => grow(amount) }, label);
    return element(
      "p",
      { class: "more" },
      button(`${STEP} lines more ${where}`, step),
      button(`all ${where}`, step * 1e6),
    );
  }

  function draw() {
    panes.replaceChildren(...sides.map((shown) => pane(shown, range)));
    names.replaceChildren(...renameChips(marks, left.slice(...range), light));
    above.hidden = range[0] === 0;
    below.hidden = range[1] === left.length;
  }
}

function side(title, text, rows, hole, marks, where) {
  const changed = marks.map((mark) => ({
    start: mark[where][0],
    end: mark[where][1],
    other: where === "before" ? mark.new : mark.old,
    pair: pairKey(mark),
    kind: "changed",
  }));
  const [start, end] = hole;
  const around = changed.filter((mark) => mark.end <= start || mark.start >= end);
  const all = [...around, { start, end, kind: "hole" }].filter((mark) => mark.end > mark.start);
  all.sort((a, b) => a.start - b.start);
  return { title, text, rows, marks: all, where };
}

const pairKey = (mark) => JSON.stringify([mark.old, mark.new]);

function pane(shown, [from, to]) {
  const lines = shown.rows.slice(from, to);
  const present = lines.filter(Boolean);
  const lead = shown.rows.slice(Math.max(0, from - LEAD), to).find(Boolean);
  const pieces = new Map(present.map((line) => [line.start, []]));
  if (present.length) {
    const [start, end] = [present[0].start, present.at(-1).end];
    const words = colourTokens(shown.text.slice(lead.start, end));
    let [line, next] = [null, 0];
    walkPieces(words, lead.start, shown.marks, (a, b, type, mark) => {
      if (b <= start) return;
      for (let place = Math.max(a, start); place < b; ) {
        while (next < present.length && present[next].start <= place) line = present[next++];
        const stop = Math.min(b, line.end);
        if (stop > place) pieces.get(line.start).push(piece(shown, place, stop, type, mark));
        place = Math.max(stop, line.end < b ? line.end + 1 : b);
      }
    });
  }
  return element(
    "div",
    { class: "pane", "data-side": shown.where },
    element("h3", {}, shown.title),
    element(
      "pre",
      { class: "code", tabindex: "0", "aria-label": `Source, ${shown.title}` },
      element("code", {}, lines.map((line) => codeLine(line, line && pieces.get(line.start)))),
    ),
  );
}

function codeLine(line, pieces) {
  if (!line) return element("span", { class: "line gap" }, "\n");
  const hole = pieces.some((made) => made.classList.contains("hole"));
  const kind = hole ? "line has-hole" : "line";
  return element("span", { class: kind, "data-line": line.number }, pieces, "\n");
}

function piece(shown, start, end, type, mark) {
  const text = shown.text.slice(start, end);
  const word = type ? `t-${type}` : "";
  if (mark?.kind === "hole") {
    return element("mark", { class: `hole ${word}`, title: "the hole: its gold type" }, text);
  }
  if (mark?.kind === "changed") {
    const title = mark.other === "" ? "not on the other side" : `other side: ${mark.other}`;
    const attributes = { class: `changed ${word}`, "data-pair": mark.pair, title };
    return element("span", attributes, text);
  }
  return element("span", word ? { class: word } : {}, text);
}

/** Both sides scroll sideways as one. */
function scrollTogether(panes) {
  const follow = ({ target }) => {
    for (const code of panes.querySelectorAll(".code")) {
      if (code.scrollLeft !== target.scrollLeft) code.scrollLeft = target.scrollLeft;
    }
  };
  panes.addEventListener("scroll", follow, { capture: true, passive: true });
}

/** Scroll sideways as far as it takes to see the hole on every side. */
function showHole(panes) {
  const hidden = [...panes.querySelectorAll(".hole")].map((hole) => {
    const code = hole.closest(".code");
    return hole.getBoundingClientRect().right + EDGE - code.getBoundingClientRect().right;
  });
  const code = panes.querySelector(".code");
  code.scrollLeft += Math.max(0, ...hidden);
}

/** light(pair, on): lights a rename on both sides, as one that is hovered is. */
function lighter(panes) {
  const light = (pair, on) => {
    for (const shown of panes.querySelectorAll(".changed")) {
      if (shown.dataset.pair === pair) shown.classList.toggle("lit", on);
    }
  };
  for (const name of ["mouseover", "mouseout"]) {
    panes.addEventListener(name, (event) => {
      const pair = event.target.dataset?.pair;
      if (pair) light(pair, name === "mouseover");
    });
  }
  return light;
}

/** The renames within lines of the original, commonest first, and how many there are elsewhere. */
function renameChips(marks, lines, light) {
  const present = lines.filter(Boolean);
  const [start, end] = present.length ? [present[0].start, present.at(-1).end] : [0, 0];
  const [counts, elsewhere] = [new Map(), new Set()];
  for (const mark of marks) {
    const pair = pairKey(mark);
    if (!/^[\w$]+$/.test(mark.old) || !/^[\w$]+$/.test(mark.new)) continue;
    if (mark.before[1] > start && mark.before[0] < end) counts.set(pair, (counts.get(pair) ?? 0) + 1);
    else elsewhere.add(pair);
  }
  const names = [...counts].sort((a, b) => b[1] - a[1]);
  const left = names.slice(MOST_NAMES).length + [...elsewhere].filter((pair) => !counts.has(pair)).length;
  const chip = ([pair, n]) => {
    const [from, to] = JSON.parse(pair);
    const lit = (on) => () => light(pair, on);
    return element(
      "button",
      {
        type: "button",
        class: "chip",
        onmouseenter: lit(true),
        onmouseleave: lit(false),
        onfocus: lit(true),
        onblur: lit(false),
      },
      element("code", {}, from),
      " → ",
      element("code", {}, to),
      element("span", { class: "times" }, ` ${n}×`),
    );
  };
  const more = names.length ? `and ${counted(left, "more rename")}` : `${counted(left, "rename")}, none in these lines`;
  const rest = element("span", { class: "faint" }, more);
  return [...names.slice(0, MOST_NAMES).map(chip), ...(left ? [rest] : [])];
}
