// Light or dark: as the system says, until the reader says otherwise.
import { element } from "./dom.mjs";

const ORDER = ["system", "light", "dark"];
const THEME_SIGNS = { system: "◐", light: "☀", dark: "☾" };

/** A button that goes from theme to theme. */
export function themeButton() {
  let theme = remembered();
  const button = element("button", { type: "button", class: "quiet", onclick: next });
  show();
  return button;

  function next() {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    remember(theme);
    show();
  }

  function show() {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.replaceChildren(element("span", { "aria-hidden": "true" }, THEME_SIGNS[theme]), ` ${theme}`);
    button.setAttribute("aria-label", `Colours: ${theme}. Change`);
  }
}

// Some browsers give a page from the disk no storage.
function remembered() {
  try {
    const theme = localStorage.getItem("fimscope-theme");
    return ORDER.includes(theme) ? theme : "system";
  } catch {
    return "system";
  }
}

function remember(theme) {
  try {
    localStorage.setItem("fimscope-theme", theme);
  } catch {
    return;
  }
}
