// Keeps the day up to date: asks every few seconds whether anything changed, and fetches the grid only when it did.

import { kept, restore } from "./grid.js";

const EVERY = 3300;
const JITTER = 700;
const PATIENCE = 8000;

let timer = null;
let isAsking = false;
let isAskedAgain = false;
let failingSince = null;

function root() {
  return document.getElementById("day-grid");
}

function later() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(ask, EVERY + Math.random() * JITTER);
}

// One question at a time. While a card is carried the answer would be in the way: asked again when it is put down.
async function ask() {
  clearTimeout(timer);
  if (isAsking || "busy" in root().dataset) {
    isAskedAgain = true;
    return;
  }
  isAsking = true;
  isAskedAgain = false;
  try {
    take(await fetchChanges());
    failingSince = null;
  } catch {
    failingSince ??= performance.now();
  }
  isAsking = false;
  show();
  if (isAskedAgain && !("busy" in root().dataset)) ask();
  else later();
}

async function fetchChanges() {
  const { date, known, orientation } = root().dataset;
  const query = new URLSearchParams({ date, known, view: orientation });
  const headers = { "HX-Request": "true", "HX-Target": "day-grid", "HX-Current-URL": location.href, "X-Passive": "1" };
  const answer = await fetch(`${location.pathname}?${query}`, { headers, signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
  const elsewhere = answer.headers.get("HX-Redirect");
  if (elsewhere) {
    location.assign(elsewhere);
    return { known, html: null };
  }
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return { known, html: answer.status === 204 ? null : await answer.text() };
}

// An answer to a question asked before the grid was swapped by other means is out of date, and so is one during a drag.
function take({ known, html }) {
  const old = root();
  if (html === null) return;
  if (old.dataset.known !== known || "busy" in old.dataset) {
    isAskedAgain = true;
    return;
  }
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("day-grid");
  if (!fresh) throw new Error("The answer holds no grid.");
  point(old, fresh);
  const state = kept();
  old.replaceWith(document.adoptNode(fresh));
  htmx.process(root());
  restore(state);
}

// Marks for a moment the cards that are new or other than before.
function point(old, fresh) {
  const signs = new Map([...old.querySelectorAll(".card[data-v]")].map((card) => [key(card), sign(card)]));
  if (!signs.size) return;
  for (const card of fresh.querySelectorAll(".card[data-v]")) {
    if (signs.get(key(card)) !== sign(card)) card.classList.add("changed");
  }
}

// A signature changes what the card says, and not the appointment's version.
function sign(card) {
  return card.dataset.v + card.textContent;
}

function key(card) {
  return card.querySelector("a").getAttribute("href");
}

function show() {
  const place = document.querySelector("[data-live]");
  if (!place) return;
  const minutes = Math.floor((performance.now() - failingSince) / 60_000);
  const text = failingSince === null ? "Live" : `Offline${minutes ? ` for ${minutes} min` : ""}, trying again`;
  if (place.textContent !== text) place.textContent = text;
  place.classList.toggle("offline", failingSince !== null);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else ask();
});
window.addEventListener("online", ask);
document.addEventListener("appointment-changed", ask);
document.addEventListener("grid:release", () => {
  if (isAskedAgain) ask();
});
later();
