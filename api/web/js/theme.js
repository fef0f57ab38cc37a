/* Light, dark, or as the system says. The choice stays in this browser. */

import { byId } from "./dom.js";

const THEMES = ["system", "light", "dark"];
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
  button.setAttribute("aria-label", `Theme: ${theme}`);
  button.title = `Theme: ${theme}`;
}

// Storage can be switched off; then the choice lasts as long as the page.
/** @returns {string} */
function stored() {
  try {
    const value = localStorage.getItem("theme");
    return value && THEMES.includes(value) ? value : "system";
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
