// What the model said at the hole: the ten likeliest first tokens of each variant.
import { percent, visible } from "./dom.mjs";
import { figure, swatches } from "./figure.mjs";

const BEGINNING = "color-mix(in srgb, var(--gold) 60%, var(--paper))";

/**
 * One bar chart of a list of [text, probability].
 * rank     of the gold's first token, 0 for the likeliest; null where it is not known
 * answer   of the variant: what is its gold, and what it says
 * domain   the greatest probability of the axis
 */
export function topBars(title, top, rank, answer, domain, caption = null) {
  const rows = top.map(([text, probability], i) => ({
    key: `${i} ${text}`,
    text,
    probability,
    colour: i === rank ? goldColour(text, answer) : text === foilToken(answer) ? "var(--foil)" : "var(--bar)",
  }));
  const label = new Map(rows.map((row) => [row.key, visible(row.text, 16)]));
  return figure(
    title,
    (width) =>
      Plot.plot({
        width,
        height: 24 * rows.length + 34,
        marginLeft: 132,
        marginRight: 44,
        marginTop: 4,
        x: { domain: [0, domain], percent: false, tickFormat: "%", ticks: 4, label: null, grid: true },
        y: { domain: rows.map((row) => row.key), tickFormat: (key) => label.get(key), label: null, tickSize: 0 },
        marks: [
          Plot.barX(rows, { x: "probability", y: "key", fill: "colour", insetTop: 3, insetBottom: 3 }),
          Plot.text(rows, {
            x: "probability",
            y: "key",
            text: (row) => percent(row.probability),
            textAnchor: "start",
            dx: 5,
          }),
        ],
      }),
    caption,
  );
}

/** What the colours of the bars mean. */
export function barLegend() {
  return swatches([
    ["var(--gold)", "gold"],
    [BEGINNING, "how gold begins"],
    ["var(--foil)", "the answer, where it is another type"],
  ]);
}

/** A domain that several charts share. */
export function topDomain(tops) {
  return Math.max(0.05, ...tops.flat().map(([, probability]) => probability));
}

const goldColour = (text, { gold }) => (text.trim() === gold ? "var(--gold)" : BEGINNING);

/**
 * The token that a wrong answer begins with; null where that is the gold's own. Tokens are told
 * apart by their whole text: one with a space in front is another token than one without.
 */
export function foilToken({ top10, gold_rank: rank }) {
  return rank === 0 ? null : (top10[0]?.[0] ?? null);
}
