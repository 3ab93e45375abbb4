// The list of all variants: filtered, sorted, searched; it draws only the rows that are seen.
import { badge } from "./badge.mjs";
import { counted, decimal, element, percent, visible } from "./dom.mjs";
import { chosenCondition, filterForm } from "./filters.mjs";
import { currentRoute, noteParameter, routeAddress } from "./route.mjs";
import { listRows, openingOrder, outcomesByGolds, rowFilter } from "./rows.mjs";
import { explained } from "./terms.mjs";

const OPENING_ORDER = "broken variants first, those with patches before the others; then as in the tables";
const GOLDS = { "one token": "golds of one token", longer: "longer golds" };
const ROW_HEIGHT = 34;
const NARROW = 500; // pixels; below, an outcome is its sign alone, as style.css says

/** The list's page. open(row) shows an example. */
export class ListPage {
  constructor(index, open) {
    this.rows = openingOrder(listRows(index));
    this.conditions = Object.keys(index.variants.effects);
    this.open = open;
    this.parameters = new Map();
    this.current = null; // the row of the keyboard
    this.ordered = []; // what the list shows, in its order
    this.stale = true; // until that order is read from the table
    this.effectTitle = element("abbr"); // of the column: which condition's effect it shows
    this.columns = listColumns(this.conditions.length > 0 && this.effectTitle);
    this.count = element("p", { class: "count", role: "status" });
    this.outcomes = element("p", { class: "outcomes" });
    this.order = element("p", {}, sayOrder(null));
    this.filters = element("div", {});
    this.holder = element("div", { class: "table", tabindex: "0", "aria-label": "Variants" });
    this.holder.addEventListener("keydown", (event) => this.key(event));
    this.frame = element(
      "section",
      { class: "list" },
      ...index.notes.map((note) => element("p", { class: "banner", role: "note" }, note)),
      element(
        "details",
        { class: "filter-fold", open: innerWidth > 700 },
        element("summary", {}, "Filter"),
        this.filters,
      ),
      element("div", { class: "above-table" }, this.count, this.outcomes, this.order, scopeLine(index.scope)),
      this.holder,
    );
  }

  /** Show the list as the address says. */
  show() {
    this.parameters = currentRoute().parameters;
    this.drawFilters();
    this.chooseEffect();
    if (this.table) this.reapply();
    else this.makeTable();
  }

  /** Back from an example: the list as it was left, at the row of that example. */
  async return(row) {
    this.current = row;
    await this.built; // it is made at its first show, after an example that a link opened
    if (this.frame.hidden) return; // for the next example
    this.table.redraw();
    this.reveal();
    this.holder.focus({ preventScroll: true });
  }

  /** The row `step` places from a row, in the list's order; null behind its ends. */
  neighbour(row, step) {
    const place = this.ordered.findIndex((other) => other.row === row.row);
    return this.ordered[place + step] ?? null;
  }

  address() {
    return routeAddress("list", null, this.parameters);
  }

  focusSearch() {
    this.frame.querySelector("details").open = true;
    this.frame.querySelector("#search").select();
  }

  drawFilters() {
    const change = (name, value) => this.change(name, value);
    this.filters.replaceChildren(filterForm(this.rows, this.parameters, this.conditions, change));
  }

  change(name, value) {
    if (name === null) {
      for (const key of [...this.parameters.keys()].filter((key) => key !== "sort")) {
        this.parameters.delete(key);
        noteParameter(key, "");
      }
      this.drawFilters();
    } else {
      this.parameters.set(name, value);
      noteParameter(name, value);
    }
    if (name === null || name === "condition") this.chooseEffect();
    this.apply();
  }

  chooseEffect() {
    const condition = chosenCondition(this.parameters, this.conditions);
    for (const row of this.rows) row.effect = row.effects[condition] ?? null;
    this.effectTitle.replaceChildren("effect", element("br"), condition ?? "");
    const meaning = TERMS.given[condition];
    this.effectTitle.title = TERMS.columns.effect + (meaning ? `. ${condition}: ${meaning}` : "");
  }

  apply() {
    this.table.setFilter(rowFilter(this.parameters));
  }

  /** Order and filter of a list that is there already, as the address now says. */
  reapply() {
    const asked = this.parameters.get("sort") ?? "";
    if (asked !== saidSort(this.table.getSorters()[0])) this.table.setSort(this.sorters());
    this.apply();
  }

  sorters() {
    const [field, direction] = (this.parameters.get("sort") ?? "").split(":");
    const known = this.columns.some((column) => column.field === field);
    return known ? [{ column: field, dir: direction === "desc" ? "desc" : "asc" }] : [];
  }

  makeTable() {
    this.table = new Tabulator(this.holder, {
      data: this.rows,
      index: "row",
      columns: this.columns,
      columnDefaults: { resizable: "header", headerSortTristate: true }, // in the rows a click on an edge would open nothing
      layout: "fitColumns",
      responsiveLayout: "hide",
      height: "100%",
      rowHeight: ROW_HEIGHT,
      placeholder: "No variant passes this filter.",
      initialSort: this.sorters(),
      rowFormatter: (row) => this.mark(row.getElement(), row.getData()),
      keybindings: false,
      autoResize: false,
    });
    this.table.on("rowClick", (event, row) => {
      if (!event.ctrlKey && !event.metaKey && getSelection().isCollapsed) {
        this.current = row.getData();
        this.open(this.current);
      }
    });
    this.table.on("dataSorted", (sorters) => this.noteSort(sorters[0] ?? null));
    for (const change of ["dataFiltered", "dataSorted"]) {
      this.table.on(change, () => (this.stale = true));
    }
    this.table.on("renderComplete", () => this.stale && this.note());
    this.built = new Promise((done) => this.table.on("tableBuilt", done)).then(() => {
      if (this.isFiltered()) this.apply();
      this.followSize();
    });
  }

  /** Draw anew where the list's size changes, but not where it is hidden. */
  followSize() {
    let drawn = [this.holder.clientWidth, this.holder.clientHeight].join();
    new ResizeObserver(() => {
      const size = [this.holder.clientWidth, this.holder.clientHeight].join();
      if (this.frame.hidden || size === drawn) return;
      drawn = size;
      this.table.redraw();
    }).observe(this.holder);
  }

  isFiltered() {
    return [...this.parameters].some(([name, value]) => name !== "sort" && value);
  }

  noteSort(sorter) {
    this.order.textContent = sayOrder(sorter);
    const said = saidSort(sorter);
    if (said === (this.parameters.get("sort") ?? "")) return;
    this.parameters.set("sort", said);
    if (currentRoute().page === "list") noteParameter("sort", said);
  }

  note() {
    this.stale = false;
    this.ordered = this.table.getRows("active").map((row) => row.getData());
    const examples = new Set(this.ordered.map((row) => row.number)).size;
    const shown = this.ordered.length.toLocaleString("en");
    this.count.textContent = `${shown} of ${counted(this.rows.length, "variant")}, of ${counted(examples, "example")}`;
    this.outcomes.textContent = sayOutcomes(this.ordered);
  }

  /** An arrow key from elsewhere on the page: the keys are the list's from here on. */
  enter(event) {
    this.holder.focus();
    this.key(event);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.holder.clientHeight / ROW_HEIGHT) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const ends = { Home: 0, End: this.ordered.length - 1 };
    const place = this.ordered.indexOf(this.current);
    if (event.key === "Enter" && this.current) this.open(this.current);
    else if (event.key in steps) this.go(place + steps[event.key]);
    else if (event.key in ends) this.go(ends[event.key]);
    else return;
    event.preventDefault();
  }

  go(place) {
    this.current = this.ordered[Math.min(Math.max(place, 0), this.ordered.length - 1)] ?? null;
    this.reveal();
  }

  reveal() {
    for (const row of this.table.getRows("visible")) this.mark(row.getElement(), row.getData());
    if (!this.current || !this.ordered.includes(this.current)) return;
    this.table
      .scrollToRow(this.current.row, "nearest", false)
      .then(() => this.mark(this.table.getRow(this.current.row).getElement(), this.current))
      .catch(() => null); // the row went out of the list meanwhile
  }

  mark(shown, row) {
    shown.classList.toggle("current", row === this.current);
    shown.setAttribute("aria-selected", String(row === this.current));
  }
}

/** Which holes are listed; folded where it would take the place of rows; null where it is not known. */
function scopeLine(scope) {
  if (!scope) return null;
  const line = element("p", {}, explained(scope));
  return innerWidth < NARROW ? element("details", {}, element("summary", {}, "Which holes are listed?"), line) : line;
}

/** How many of the rows are right and wrong, of golds of each length by itself. */
function sayOutcomes(rows) {
  const said = outcomesByGolds(rows).map(([golds, counts]) => {
    const n = (outcome) => (counts.get(outcome) ?? 0).toLocaleString("en");
    return `${GOLDS[golds]}: ${n("right")} right (${n("mended")} mended), ${n("wrong")} wrong (${n("broken")} broken)`;
  });
  return said.join("; ").replace(/^./, (first) => first.toUpperCase());
}

/** By what the rows are ordered, and how to have another order. */
function sayOrder(sorter) {
  if (!sorter) return `Order: ${OPENING_ORDER}. A filter leaves it so; a click on a header sorts.`;
  const title = sorter.column.getDefinition().title;
  return `Order: ${title}, ${sorter.dir === "asc" ? "rising" : "falling"}. Of three clicks on a header the last takes its order back.`;
}

const saidSort = (sorter) => (sorter ? `${sorter.field}:${sorter.dir}` : "");

/** effectTitle: what stands above the effects, or false where there are none. */
function listColumns(effectTitle) {
  const narrow = innerWidth < NARROW;
  const text = (limit) => (cell) =>
    element("span", { title: cell.getValue() ?? "" }, visible(cell.getValue() ?? "", limit));
  const code = (cell) => element("code", {}, visible(cell.getValue() ?? "", 60));
  const number = { hozAlign: "right", headerHozAlign: "right", sorter: "number", minWidth: 78 };
  const effect = {
    title: "effect",
    field: "effect",
    ...number,
    widthGrow: 0.8,
    minWidth: 140,
    responsive: 3,
    sorterParams: { alignEmptyValues: "bottom" },
    formatter: (cell) => (cell.getValue() === null ? "" : decimal(cell.getValue())),
  };
  const columns = [
    { title: narrow ? "✓" : "outcome", field: "outcome", formatter: (cell) => badge(cell.getValue()), width: narrow ? 40 : 104, responsive: 0 },
    { title: "name", field: "name", formatter: nameLink, widthGrow: 1.4, minWidth: 84, responsive: 0 },
    { title: "gold", field: "gold", formatter: code, widthGrow: 1.4, minWidth: 76, responsive: 0 },
    { title: "predicted", field: "predicted", formatter: code, widthGrow: 1.4, minWidth: 86, responsive: 0 },
    { title: "edit", field: "edit", formatter: text(40), widthGrow: 1.2, minWidth: narrow ? 74 : 100, responsive: 1 },
    {
      title: "p(gold)",
      field: "gold_probability",
      ...number,
      widthGrow: 0.7,
      responsive: 2,
      sorterParams: { alignEmptyValues: "bottom" },
      formatter: (cell) => (cell.getValue() === null ? "" : percent(cell.getValue())),
    },
    {
      title: "rank",
      field: "gold_rank",
      ...number,
      widthGrow: 0.6,
      minWidth: 64,
      responsive: 4,
      sorterParams: { alignEmptyValues: "bottom" },
      formatter: (cell) => String((cell.getValue() ?? -1) + 1 || ""),
    },
    ...(effectTitle ? [effect] : []),
    { title: "package", field: "package", formatter: text(40), widthGrow: 1.4, minWidth: 110, responsive: 3 },
    { title: "path", field: "path", formatter: text(80), widthGrow: 2, minWidth: 130, responsive: 5 },
  ];
  const said = ({ title, field }) => (field === "effect" ? effectTitle : element("abbr", { title: TERMS.columns[field] }, title));
  return columns.map((column) => ({ ...column, titleFormatter: () => said(column) }));
}

function nameLink(cell) {
  const row = cell.getData();
  const href = routeAddress("example", row.id, new Map([["edit", row.edit]]));
  return element("a", { href, tabindex: "-1" }, visible(row.name, 40));
}
