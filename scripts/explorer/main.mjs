// The page: its head, its two views, the keys, and the way between them.
import { loadBlock } from "./data.mjs";
import { element } from "./dom.mjs";
import { examplePage } from "./example.mjs";
import { drawAll } from "./figure.mjs";
import { helpSheet } from "./help.mjs";
import { ListPage } from "./list.mjs";
import { currentRoute, noteParameter, routeAddress } from "./route.mjs";
import { themeButton } from "./theme.mjs";

const ARROWS = { ArrowLeft: -1, ArrowRight: 1 };

class Explorer {
  constructor(index) {
    this.list = new ListPage(index, (row) => this.open(row));
    this.byId = new Map(); // rows of an example, by its id and by its number
    for (const row of this.list.rows) {
      for (const key of [row.id, row.number]) this.byId.set(key, [...(this.byId.get(key) ?? []), row]);
    }
    this.shown = index.shown;
    this.title = document.title; // of the list
    this.row = null; // of the example that is shown
    this.view = element("section", { class: "view", hidden: true });
    this.help = helpSheet();
    this.panels = []; // of the example that is shown
    this.crumbs = element("nav", { class: "crumbs", "aria-label": "Examples" });
    this.ways = element("nav", { class: "ways", "aria-label": "Panels" });
    const buttons = element(
      "div",
      { class: "buttons" },
      element("button", { type: "button", class: "quiet", onclick: () => this.help.showModal() }, "? keys"),
      themeButton(),
    );
    const home = element("a", { href: "#/" }, "fimscope explorer");
    this.top = element(
      "header",
      { class: "top-bar" },
      element("h1", {}, home, " ", element("span", { class: "faint" }, index.model)),
      this.crumbs,
      buttons,
      this.ways,
    );
  }

  start(place) {
    const main = element("main", {}, this.list.frame, this.view);
    place.replaceChildren(this.top, main, this.help);
    new ResizeObserver(() => this.noteHeight()).observe(this.top);
    addEventListener("hashchange", () => this.show());
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("beforeprint", () => this.showAll());
    this.show();
  }

  /** What sticks below the head, or is jumped to, clears all rows of its links. */
  noteHeight() {
    document.documentElement.style.setProperty("--bar", `${this.top.offsetHeight}px`);
  }

  /** On paper an example is whole. */
  showAll() {
    for (const { show } of this.panels) show();
    drawAll(this.view);
  }

  open(row) {
    location.hash = routeAddress("example", row.id, new Map([["edit", row.edit]]));
  }

  show() {
    const route = currentRoute();
    if (route.page === "example") this.showExample(route);
    else this.showList();
  }

  showList() {
    const back = this.row;
    this.row = null;
    this.panels = [];
    document.title = this.title;
    document.body.dataset.page = "list";
    this.view.hidden = true;
    this.view.replaceChildren();
    this.list.frame.hidden = false;
    this.crumbs.replaceChildren();
    this.ways.replaceChildren();
    this.list.show();
    if (back) this.list.return(back);
  }

  async showExample({ id, parameters }) {
    const rows = this.byId.get(id);
    if (!rows) {
      this.row = null;
      return this.say(`There is no example ${id} here.`);
    }
    const row = rows.find((other) => other.edit === parameters.get("edit")) ?? rows.at(-1);
    this.row = row;
    if (!this.list.table) {
      // The list is made at its first show; the examples before and after are those of its order.
      this.list.ordered = this.list.rows;
    }
    try {
      const example = await loadBlock(String(row.number));
      if (this.row !== row) return;
      const rowsOf = (other) => this.byId.get(other);
      const { page, panels } = examplePage(example, rows, this.shown, parameters, rowsOf);
      this.panels = panels;
      this.view.replaceChildren(page);
    } catch (error) {
      if (this.row === row) this.say(error.message);
      return;
    }
    this.leaveList();
    document.title = `${row.name}, ${row.edit} · ${this.title}`;
    this.drawCrumbs(row);
    scrollTo(0, 0);
    this.view.querySelector("h2").focus({ preventScroll: true });
    if (parameters.get("panel")) this.goTo(parameters.get("panel"));
    const next = this.list.neighbour(row, 1);
    if (next) requestIdleCallback?.(() => loadBlock(String(next.number)).catch(() => null));
  }

  drawCrumbs(row) {
    const link = (label, step) => {
      const other = this.list.neighbour(row, step);
      const parameters = other && new Map([["edit", other.edit]]);
      const href = other && routeAddress("example", other.id, parameters);
      return element("a", { href, class: other ? "" : "off" }, label);
    };
    this.crumbs.replaceChildren(
      element("a", { href: this.list.address() }, "list"),
      link("← previous", -1),
      link("next →", 1),
    );
    this.ways.replaceChildren(...this.panels.map(({ id, title }) => this.wayTo(id, title)));
  }

  /** A link to a panel; its address opens the page at that panel. */
  wayTo(id, title) {
    const { id: example, parameters } = currentRoute();
    const href = routeAddress("example", example, new Map([...parameters, ["panel", id]]));
    const go = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      noteParameter("panel", id);
      this.goTo(id);
    };
    return element("a", { href, onclick: go }, title);
  }

  /** Show a panel; those above it may still grow while it comes near, so it is shown twice. */
  goTo(id) {
    const frame = this.panels.find((panel) => panel.id === id)?.frame;
    const show = () => frame?.scrollIntoView({ block: "start" });
    show();
    setTimeout(show, 150);
  }

  /** The list goes before the page may grow: in a page without an end it would draw every row. */
  leaveList() {
    this.list.frame.hidden = true;
    document.body.dataset.page = "example";
    this.view.hidden = false;
  }

  say(message) {
    this.leaveList();
    this.panels = [];
    document.title = this.title;
    this.crumbs.replaceChildren(element("a", { href: this.list.address() }, "list"));
    this.ways.replaceChildren();
    this.view.replaceChildren(element("p", { class: "message", role: "alert" }, message));
  }

  key(event) {
    const typing = event.target.matches("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
    if (event.key in ARROWS && scrollsSideways(event.target)) return;
    if (event.key === "Escape") this.escape(event.target, typing);
    else if (typing || event.defaultPrevented) return;
    else if (event.key === "?") this.help.showModal();
    else if (event.key === "/") this.search();
    else if (this.row && this.panels[event.key - 1]) this.ways.children[event.key - 1].click();
    else if (event.key in ARROWS && this.row) this.step(ARROWS[event.key]);
    else if (["ArrowDown", "ArrowUp"].includes(event.key) && currentRoute().page === "list") this.list.enter(event);
    else return;
    event.preventDefault();
  }

  escape(target, typing) {
    if (typing) this.list.holder.focus();
    else if (currentRoute().page === "example") location.hash = this.list.address();
    else target.blur();
  }

  search() {
    if (currentRoute().page === "example") {
      location.hash = this.list.address();
      addEventListener("hashchange", () => this.list.focusSearch(), { once: true });
    } else this.list.focusSearch();
  }

  step(by) {
    const other = this.list.neighbour(this.row, by);
    if (other) this.open(other);
  }
}

/** What is clicked or tabbed to and is wider than its frame, the arrow keys move sideways. */
const scrollsSideways = (target) => target.matches("pre, .wide, .ways") && target.scrollWidth > target.clientWidth;

async function start() {
  const place = document.getElementById("explorer");
  try {
    new Explorer(await loadBlock("index")).start(place);
  } catch (error) {
    place.replaceChildren(element("p", { class: "message", role: "alert" }, error.message));
    throw error;
  }
}

// In the folder the list's data come in the script behind this one; in one file they are there.
if (document.getElementById("block-index")) start();
else addEventListener("DOMContentLoaded", start);
