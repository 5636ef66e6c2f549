// The choice of colours: as the browser prefers, light, or dark.

import { byId } from "./dom.js";

const KEY = "theme";

/** Applies the stored theme. Calls `changed` after every change of the colours. */
export function setUpTheme(changed) {
  const select = byId("theme");
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
    select.value = theme;
    changed();
  };
  const stored = read();
  apply(["light", "dark"].includes(stored) ? stored : "auto");
  select.addEventListener("change", () => {
    apply(select.value);
    store(select.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

// A browser may forbid storage. The choice then lasts until the page is closed.
function read() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // See above.
  }
}
