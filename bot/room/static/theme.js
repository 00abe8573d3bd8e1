// Light or dark: as the system has it, until the person chooses.

import { byId } from "./dom.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const FACE = { auto: "◐", light: "☀", dark: "☾" };

/** Put the choice in force and let the button change it. */
export function setUpTheme() {
  const button = byId("theme");
  const use = (theme) => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
    button.textContent = FACE[theme];
    button.setAttribute("aria-label", `Theme: ${theme}. Change to ${NEXT[theme]}`);
    button.title = `Theme: ${theme}`;
  };
  const kept = localStorage.getItem("theme");
  use(kept in NEXT ? kept : "auto");
  button.addEventListener("click", () => use(NEXT[document.documentElement.dataset.theme]));
}
