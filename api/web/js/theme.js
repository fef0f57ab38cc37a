/* Light, dark, or as the system says. The choice stays in this browser. */

import { byId } from "./dom.js";
import { t } from "./language.js";

const THEMES = /** @type {const} */ (["system", "light", "dark"]);
/** @typedef {(typeof THEMES)[number]} Theme */
const button = byId("theme");
let theme = stored();

apply();
button.addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  store();
  apply();
});

function apply() {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.title = t(`shell.theme.${theme}`);
  button.setAttribute("aria-label", button.title);
}

// Storage can be switched off; then the choice lasts as long as the page.
/** @returns {Theme} */
function stored() {
  try {
    const value = localStorage.getItem("theme");
    return THEMES.find((each) => each === value) ?? "system";
  } catch {
    return "system";
  }
}

function store() {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    /* see above */
  }
}
