// Pickers, the date field, the day sheet's button, and single-key shortcuts: the element whose `data-key` was pressed is
// clicked.

import { focusGrid } from "./grid.js";

const OFF = "securecare.keys.off";

// ------------------------------------------------------------------------------------------------- pickers

document.addEventListener("input", ({ target }) => {
  const list = document.getElementById(target.dataset?.searches ?? "");
  if (!list) return;
  const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const choice of list.querySelectorAll("label")) {
    choice.hidden = !words.every((word) => choice.textContent.toLowerCase().includes(word));
    found += choice.hidden ? 0 : 1;
  }
  const none = list.querySelector("[data-none]");
  if (none) none.hidden = found > 0;
});

// Enter in the search ticks the only person found instead of sending the form.
document.addEventListener("keydown", (event) => {
  const list = document.getElementById(event.target.dataset?.searches ?? "");
  if (event.key !== "Enter" || !list) return;
  event.preventDefault();
  const found = [...list.querySelectorAll("label:not([hidden]) input")];
  if (found.length === 1) found[0].checked = !found[0].checked;
});

document.addEventListener("toggle", ({ target }) => {
  if (target.open) target.querySelector("[data-searches]")?.focus();
}, { capture: true });

// A picker closes when its choice is shown: the focus goes back to its button.
let menu = null;
document.addEventListener("htmx:beforeRequest", ({ target }) => {
  menu = target.closest?.("details.menu")?.id ?? null;
});
document.addEventListener("htmx:afterSettle", () => {
  if (menu && document.activeElement === document.body) document.querySelector(`#${menu} > summary`)?.focus();
  menu = null;
});

// ---------------------------------------------------------------------------------------------------- date

// A date picked from the calendar is shown at once; one being typed, when Enter or Go is pressed.
let typedAt = -Infinity;
document.addEventListener("keydown", ({ target }) => {
  if (target.matches?.("[data-submits]")) typedAt = performance.now();
});
document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-submits]") && performance.now() - typedAt > 1000) target.form.requestSubmit();
});

// ---------------------------------------------------------------------------------------------------- keys

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || key.length !== 1) return;
  if (target.closest("input, select, textarea, [contenteditable]") || document.querySelector("dialog[open]")) return;
  if (key !== "?" && localStorage.getItem(OFF)) return;
  if (press(key.toLowerCase())) event.preventDefault();
});

function press(key) {
  if (key === "g") {
    focusGrid();
    return true;
  }
  const found = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  found?.click();
  return Boolean(found);
}

// Single keys can be switched off: speech input and shaky hands press them by accident.
document.addEventListener("htmx:afterSwap", () => {
  const box = document.querySelector("[data-keys-off]");
  if (box) box.checked = Boolean(localStorage.getItem(OFF));
});
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-keys-off]")) return;
  if (target.checked) localStorage.setItem(OFF, "1");
  else localStorage.removeItem(OFF);
});
