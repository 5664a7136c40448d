// The reassignment list keeps itself true: at once after a change made here, and every ten seconds after others' changes.
// Ticks survive a refresh as long as the appointment is still what was ticked.

const EVERY = 10_000;
const dialog = document.getElementById("dialog");
let ticked = new Set();

const list = () => document.getElementById("reassignment-list");
const boxes = () => [...list().querySelectorAll("[name=chosen]")];

function refresh({ known = "" } = {}) {
  const url = `${list().dataset.url}&known=${encodeURIComponent(known)}`;
  return htmx.ajax("GET", url, { target: "#reassignment-list", swap: "outerHTML", headers: { "X-Passive": "1" } });
}

function poll() {
  const isBusy = document.hidden || dialog.open || list().querySelector("details[open], .htmx-request");
  if (!isBusy) refresh({ known: list().dataset.known });
}

// Say how many are chosen, and let one box choose them all.
function show() {
  const all = list().querySelector("[data-all]");
  const count = boxes().filter((box) => box.checked).length;
  if (!all) return;
  all.hidden = boxes().length < 2;
  const box = all.querySelector("input");
  box.checked = count > 0 && count === boxes().length;
  box.indeterminate = count > 0 && count < boxes().length;
  list().querySelector("[data-chosen]").textContent = count ? `${count} selected.` : "";
}

function showCount() {
  const count = list().dataset.count;
  const badge = document.querySelector(".bar a[aria-current] .count");
  if (!badge) return;
  badge.hidden = count === "0";
  if (badge.firstChild) badge.firstChild.textContent = count;
}

document.addEventListener("change", (event) => {
  if (event.target.id === "all-rows") for (const box of boxes()) box.checked = event.target.checked;
  if (list().contains(event.target)) show();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target === list()) ticked = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (!list().contains(event.target)) return;
  for (const box of boxes()) box.checked = ticked.has(box.value);
  show();
  showCount();
});

document.addEventListener("appointment-changed", () => refresh());
setInterval(poll, EVERY);
show();
