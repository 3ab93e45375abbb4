// A plot in its frame: drawn to the width it has, and handed out as an SVG file.
import { element, select } from "./dom.mjs";
import { heatColour } from "./heat.mjs";
import { explained, term } from "./terms.mjs";

const OTHER_STYLE = { colour: "var(--faint)", dash: "2,2", symbol: "plus" };

const fitting = new WeakMap(); // place of a plot -> draws it to the width that it has

// Dash and symbol of each thing, as in the printed figures: a script before this one sets them.
export const KINDS = Object.keys(LINES);

export function styleOf(kind) {
  if (!(kind in LINES)) return OTHER_STYLE;
  const [dash, symbol] = LINES[kind];
  return { colour: `var(--${kind.replaceAll("_", "-")})`, dash, symbol };
}

/** draw(width) gives an SVG element; it is called again where the width changes. */
export function figure(title, draw, caption = null) {
  const place = element("div", { class: "plot" });
  const save = element(
    "button",
    {
      type: "button",
      class: "quiet",
      "aria-label": `Save ${title} as SVG`,
      onclick: () => saveSvg(title, place.querySelector("svg")),
    },
    "SVG",
  );
  const frame = element(
    "figure",
    {},
    element("div", { class: "figure-head" }, element("h3", {}, term("given", title)), save),
    place,
    caption && element("figcaption", {}, [caption].flat(Infinity).map((part) => (typeof part === "string" ? explained(part) : part))),
  );
  let width = 0;
  const redraw = () => width && place.replaceChildren(draw(width));
  const fit = (found) => {
    if (found === width || !found) return;
    width = found;
    redraw();
  };
  new ResizeObserver(([entry]) => fit(Math.floor(entry.contentRect.width))).observe(place);
  fitting.set(place, () => fit(place.clientWidth));
  return { frame, redraw };
}

/**
 * A select, and below it the figures that are drawn by what is chosen there, side by side.
 * label       of the select, and the name of its choice in the address, which note() is told
 * options     [[value, label], ...]
 * asked       the choice of the address; where it is no option, `first` is shown
 * make(shown) gives the figures, [{ frame, redraw }]; shown() is the value that is chosen
 */
export function chosenFigures(label, options, asked, first, note, make) {
  let chosen = options.some(([value]) => value === asked) ? asked : first;
  const figures = make(() => chosen);
  const control = select(term("controls", label), options, chosen, (value) => {
    chosen = value;
    note(label, value);
    for (const { redraw } of figures) redraw();
  });
  return [
    element("div", { class: "controls" }, control),
    element("div", { class: "grid" }, figures.map(({ frame }) => frame)),
  ];
}

/** A line of colours and what they mean: entries are [colour, text]. */
export function swatches(entries) {
  const swatch = ([colour, text]) =>
    element("span", { class: "swatch" }, element("i", { style: `background: ${colour}` }), text);
  return element("p", { class: "faint swatches" }, entries.map(swatch));
}

/** Draw what is not drawn yet, at once: on paper nothing comes later. */
export function drawAll(root) {
  for (const place of root.querySelectorAll(".plot")) fitting.get(place)();
}

/** A legend in the SVG itself, above the plot: entries are [style, label]. Returns its height. */
export function addLegend(svg, entries, left) {
  const width = Number(svg.getAttribute("width"));
  const legend = d3.select(svg).append("g").attr("class", "legend").attr("text-anchor", "start");
  let [x, y] = [left, 12];
  for (const [style, label] of entries) {
    const needed = 46 + 6.8 * label.length;
    if (x + needed > width && x > left) [x, y] = [left, y + 18];
    const entry = legend.append("g").attr("transform", `translate(${x},${y})`);
    entry
      .append("line")
      .attr("x2", 26)
      .attr("stroke", style.colour)
      .attr("stroke-width", 1.8)
      .attr("stroke-dasharray", style.dash);
    entry
      .append("path")
      .attr("transform", "translate(13,0)")
      .attr("d", d3.symbol(symbolType(style.symbol), 36)())
      .attr("fill", style.symbol === "times" ? "none" : style.colour)
      .attr("stroke", style.colour);
    entry.append("text").attr("x", 32).attr("dy", "0.35em").attr("fill", "currentColor").text(label);
    x += needed;
  }
  return y + 12;
}

/** The mark of a plot that has nothing to show: why that is so. */
export const nothing = (reason) => Plot.text([reason], { frameAnchor: "middle", fill: "var(--faint)" });

/** A scale of the heat map's colours below the plot: what they mean, and their two ends. */
export function addScale(svg, label, ends, left) {
  const height = Number(svg.getAttribute("height"));
  const scale = d3.select(svg).append("g").attr("class", "scale").attr("text-anchor", "start").attr("transform", `translate(${left},${height - 14})`);
  const text = (x, said) => scale.append("text").attr("x", x).attr("dy", "0.75em").attr("fill", "currentColor").text(said);
  const start = 6.6 * `${label}: ${ends[0]}`.length + 8;
  text(0, `${label}: ${ends[0]}`);
  for (let i = 0; i < 10; i += 1) {
    scale.append("rect").attr("x", start + 9 * i).attr("width", 9).attr("height", 10).attr("fill", heatColour(i / 9));
  }
  scale.append("rect").attr("x", start).attr("width", 90).attr("height", 10).attr("fill", "none").attr("stroke", "var(--line)");
  text(start + 98, ends[1]);
}

/** How high a legend will be: what a plot must leave free above. */
export function legendHeight(entries, left, width) {
  let [x, y] = [left, 12];
  for (const [, label] of entries) {
    const needed = 46 + 6.8 * label.length;
    if (x + needed > width && x > left) [x, y] = [left, y + 18];
    x += needed;
  }
  return y + 12;
}

function symbolType(name) {
  return d3[`symbol${name[0].toUpperCase()}${name.slice(1)}`];
}

/** Save an SVG with the colours and letters that it has on the screen, on the page's paper. */
function saveSvg(title, svg) {
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  for (const [i, shown] of from.entries()) {
    const style = getComputedStyle(shown);
    for (const name of ["fill", "stroke", "color"]) {
      if (style[name]) to[i].setAttribute(name, style[name]);
    }
    if (shown.localName === "text" || shown === svg) {
      to[i].setAttribute("font-family", style.fontFamily);
      to[i].setAttribute("font-size", style.fontSize);
    }
  }
  const paper = getComputedStyle(document.body).backgroundColor;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.style.background = paper;
  copy.querySelectorAll("style").forEach((style) => style.remove());
  const text = new XMLSerializer().serializeToString(copy);
  const link = element("a", {
    href: URL.createObjectURL(new Blob([text], { type: "image/svg+xml" })),
    download: `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.svg`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
