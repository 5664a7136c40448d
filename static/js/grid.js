// The day grid at hand: one tab stop, a cursor that arrows move over real cells, booking from a free slot, the line that says
// now. Empty slots are not in the page: the cell under the cursor is made when the cursor gets there.

import { documentsOf, ownTime, programOf } from "./card-words.js";
import { openDialog } from "./page.js";
import { labelOf, rangeOf } from "./slots.js";

const QUARTER = 15 * 60 * 1000;
const HOUR = 4;
const STATUS = {
  scheduled: "scheduled",
  arrived: "arrived",
  completed: "completed",
  no_show: "no-show",
  cancelled: "cancelled",
  pending_reassignment: "pending reassignment",
  busy: "busy elsewhere",
  hid: "taken, hidden by the filter",
};
const CONFIRMED = {
  e: "confirmed by e-mail",
  p: "confirmed by text",
  ep: "confirmed by e-mail, then by text",
  pe: "confirmed by text, then by e-mail",
};

let board = null; // the grid in the page
let cursor = null; // {slot, staff, href}: a slot of the axis and a person; which card, where several overlap
let cell = null; // the gridcell under the cursor: a card, or the one made for a free slot
let isOpener = false; // whether the dialog was opened from the grid

class Board {
  constructor(root) {
    this.root = root;
    this.grid = root.querySelector(".grid");
    this.vertical = root.dataset.orientation === "vertical";
    this.first = Number(root.dataset.first);
    this.shown = Number(root.dataset.shown);
    this.heads = [...this.grid.querySelectorAll(".head")];
    this.canBook = root.dataset.canChange === "1";
    this.free = element("cell", "gridcell");
    this.hint = element("hint");
    this.hint.hidden = true;
    this.grid.querySelector(".lattice").append(this.hint);
    this.#becomeGrid();
  }

  // The roles come with the keyboard they promise. Without JavaScript there are headings and links, and the list.
  #becomeGrid() {
    const [across, along] = [this.heads.length, this.shown];
    this.#set(this.grid, "grid", { "aria-label": "Appointments" });
    this.grid.setAttribute("aria-rowcount", (this.vertical ? along : across) + 1);
    this.grid.setAttribute("aria-colcount", (this.vertical ? across : along) + 1);
    for (const row of this.grid.querySelectorAll(".row")) this.#set(row, "row", { "aria-rowindex": row.dataset.r });
    for (const card of this.grid.querySelectorAll(".card")) card.setAttribute("role", "gridcell");
    for (const link of this.grid.querySelectorAll(".card a")) link.tabIndex = -1;
    this.#set(this.grid.querySelector(".corner"), "columnheader", { "aria-colindex": 1 });
    this.heads.forEach((head, c) => {
      this.#set(head, this.vertical ? "columnheader" : "rowheader", { "aria-colindex": this.vertical ? c + 2 : 1 });
      head.title = [...head.children].map((each) => each.textContent).join("\n");
    });
    for (const mark of this.grid.querySelectorAll(".at")) {
      const column = this.vertical ? 1 : Number(mark.dataset.i) - this.first + 2;
      this.#set(mark, this.vertical ? "rowheader" : "columnheader", { "aria-colindex": column });
    }
  }

  #set(each, role, attributes) {
    each.setAttribute("role", role);
    for (const [name, value] of Object.entries(attributes)) each.setAttribute(name, value);
  }

  #index(each, column) {
    each.setAttribute("aria-colindex", column);
  }

  column(staff) {
    return this.heads.findIndex((head) => head.dataset.staff === staff);
  }

  // Elements of one kind that cover a slot of a column, in lane order.
  covering(selector, s, c) {
    const found = [...this.grid.querySelectorAll(selector)].filter((each) => {
      const place = placeOf(each);
      return place.c === c && place.s <= s && s < place.s + place.n;
    });
    return found.sort((one, other) => lane(one) - lane(other));
  }

  // The row of the free cell's place: in the page already, or made and removed with the cell.
  row(s, c) {
    const index = (this.vertical ? s : c) + 2;
    const rows = [...this.grid.querySelectorAll("[role=row]")];
    const found = rows.find((row) => row.ariaRowIndex === String(index));
    if (found) return found;
    const made = element("made row", "row");
    made.setAttribute("aria-rowindex", index);
    const next = rows.find((row) => Number(row.ariaRowIndex) > index);
    if (next) next.before(made);
    else this.grid.append(made);
    return made;
  }

  // The gridcell for a slot of a column, with its name and place for those who hear the page.
  cellAt(s, c, href) {
    const cards = this.covering(".card:not(.ghost)", s, c);
    const card = cards.find((each) => hrefOf(each) === href) ?? cards[0];
    for (const made of this.grid.querySelectorAll(".made")) made.remove();
    this.free.remove();
    if (card) return this.#named(card, placeOf(card).s, c, this.#cardName(card, c));
    const label = labelOf(this.root, this.first + s);
    const state = this.state(s, c);
    this.free.textContent = `${label}, ${state}`;
    put(this.free, { s, n: 1, c });
    this.row(s, c).append(this.free);
    return this.#named(this.free, s, c, `${label}, ${this.heads[c].dataset.name}, ${state}`);
  }

  #named(found, s, c, name) {
    found.setAttribute("aria-label", name);
    this.#index(found, (this.vertical ? c : Math.max(0, s)) + 2);
    return found;
  }

  state(s, c) {
    const [away] = this.covering(".away", s, c);
    if (away) return away.textContent.toLowerCase().startsWith("closed") ? away.textContent : lowered(away.textContent);
    return this.covering(".off", s, c).length ? "outside hours" : "free";
  }

  nameOf(card) {
    return this.#cardName(card, placeOf(card).c);
  }

  #cardName(card, c) {
    const { s, n } = placeOf(card);
    const times = rangeOf(this.root, this.first + Math.max(0, s), Math.min(this.first + s + n, this.first + this.shown));
    const [status] = Object.keys(STATUS).filter((each) => card.classList.contains(each));
    const [confirmed] = Object.keys(CONFIRMED).filter((each) => card.classList.contains(each));
    const said = [times.replace("–", " to "), this.heads[c].dataset.name];
    said.push(card.querySelector("b")?.textContent, programOf(card), ownTime(card));
    said.push(STATUS[status], CONFIRMED[confirmed], documentsOf(card));
    return said.filter(Boolean).join(", ");
  }

  // The place under the pointer; null beside the slots.
  placeAt({ clientX, clientY }) {
    const lines = this.grid.querySelector(".lines");
    if (!lines) return null;
    const box = lines.getBoundingClientRect();
    const n = placeOf(lines).n;
    const cols = this.heads.length;
    const [x, y] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    const s = Math.floor((this.vertical ? y : x) * n);
    const c = Math.floor((this.vertical ? x : y) * cols);
    return s >= 0 && s < this.shown && c >= 0 && c < cols ? { s, c } : null;
  }

  address(s, c) {
    const at = new Date(Date.parse(this.root.dataset.origin) + (this.first + s) * QUARTER);
    const query = new URLSearchParams({ staff: this.heads[c].dataset.staff, at: at.toISOString().replace(".000Z", "Z") });
    return `${this.root.dataset.book}?${query}`;
  }

  // The first slot in which a quarter of the people work.
  opening() {
    const working = Array(this.shown).fill(this.heads.length);
    for (const off of this.grid.querySelectorAll(".off")) {
      const { s, n } = placeOf(off);
      for (let slot = s; slot < s + n; slot += 1) working[slot] -= 1;
    }
    return Math.max(0, working.findIndex((count) => count >= this.heads.length / 4));
  }

  // Where the cursor is before anyone has moved it: now, else the first slot of the first person that is worked.
  start() {
    const now = Math.floor(slotOfNow(this.root)) - this.first;
    if (now >= 0 && now < this.shown) return now;
    for (let s = 0; s < this.shown; s += 1) if (!this.covering(".off, .away", s, 0).length) return s;
    return 0;
  }
}

function element(name, role) {
  const made = document.createElement("div");
  made.className = name;
  if (role) made.setAttribute("role", role);
  return made;
}

function lowered(text) {
  return text[0].toLowerCase() + text.slice(1);
}

function placeOf(each) {
  const number = (name) => Number(each.style.getPropertyValue(name));
  return { s: number("--s"), n: number("--n"), c: number("--c") };
}

function put(each, place) {
  for (const [name, value] of Object.entries(place)) each.style.setProperty(`--${name}`, value);
}

function lane(card) {
  return Number(card.style.getPropertyValue("--l"));
}

function hrefOf(card) {
  return card.querySelector("a")?.getAttribute("href") ?? null;
}

// ------------------------------------------------------------------------------------------------ the cursor

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function place(s, c, { href = null, isFocused = true } = {}) {
  const [slot, column] = [clamp(s, 0, board.shown - 1), clamp(c, 0, board.heads.length - 1)];
  const next = board.cellAt(slot, column, href);
  if (cell !== next) cell?.setAttribute("tabindex", "-1");
  cell = next;
  cell.tabIndex = 0;
  cursor = { slot: board.first + slot, staff: board.heads[column].dataset.staff, href: hrefOf(cell) };
  if (!isFocused) return;
  cell.focus({ preventScroll: true });
  cell.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function here() {
  return { s: cursor.slot - board.first, c: board.column(cursor.staff) };
}

function along(direction) {
  const { s, c } = here();
  if (!cell.matches(".card")) return place(s + direction, c);
  const { s: start, n } = placeOf(cell);
  return place(direction > 0 ? start + n : start - 1, c);
}

// To the next card in the same slot where cards overlap, else to the next person.
function across(direction) {
  const { s, c } = here();
  const cards = board.covering(".card:not(.ghost)", s, c);
  const beside = cards[cards.indexOf(cell) + direction];
  if (cell.matches(".card") && beside) return place(s, c, { href: hrefOf(beside) });
  const next = clamp(c + direction, 0, board.heads.length - 1);
  const theirs = board.covering(".card:not(.ghost)", s, next);
  return place(s, next, { href: direction < 0 && theirs.length ? hrefOf(theirs.at(-1)) : null });
}

function jump(key, isControl) {
  const { s, c } = here();
  if (key === "PageUp" || key === "PageDown") return place(s + (key === "PageDown" ? HOUR : -HOUR), c);
  const [slot, column] = key === "End" ? [board.shown - 1, board.heads.length - 1] : [0, 0];
  if (isControl) return place(slot, column);
  return board.vertical ? place(s, column) : place(slot, c);
}

function onKey(event) {
  if (!board || !cell || event.target !== cell || event.altKey || event.metaKey || event.shiftKey) return;
  const alongKeys = board.vertical ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  const acrossKeys = board.vertical ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  const { key, ctrlKey } = event;
  if (alongKeys.includes(key) && !ctrlKey) along(key === alongKeys[0] ? -1 : 1);
  else if (acrossKeys.includes(key) && !ctrlKey) across(key === acrossKeys[0] ? -1 : 1);
  else if (["Home", "End", "PageUp", "PageDown"].includes(key)) jump(key, ctrlKey);
  else if (["Enter", " "].includes(key) && !ctrlKey) open(cell);
  else return;
  event.preventDefault();
}

function open(found) {
  const href = hrefOf(found);
  const { s, c } = here();
  if (!href && (found.matches(".card") || !board.canBook)) return;
  isOpener = true;
  openDialog(href ?? board.address(s, c), found);
}

// ------------------------------------------------------------------------------------------------- the mouse

function onClick(event) {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const card = event.target.closest(".card");
  if (event.target.closest(".head, .at, .corner") || card?.matches(".ghost")) return;
  const found = card ? placeOf(card) : board.placeAt(event);
  if (!found) return;
  if (card) event.preventDefault();
  place(found.s, found.c, { href: card && hrefOf(card) });
  open(cell);
}

function onPoint(event) {
  const card = event.target.closest(".card:not(.ghost, [title])");
  if (card) card.title = board.nameOf(card);
  const isOver = event.target.closest(".card:not(.cell), .head, .at, .corner");
  const found = event.pointerType === "mouse" && !event.buttons && !isOver && board.canBook ? board.placeAt(event) : null;
  board.hint.hidden = !found || "busy" in board.root.dataset;
  if (!found) return;
  put(board.hint, { ...found, n: 1 });
  const state = board.state(found.s, found.c);
  board.hint.textContent = labelOf(board.root, board.first + found.s) + (state === "free" ? "" : `, ${state}`);
}

// ------------------------------------------------------------------------------------------------------- now

// Instants come from the server; the browser's clock only tells how much time has passed since.
function slotOfNow(root) {
  const now = Date.parse(root.dataset.serverTime) + (performance.now() - Number(root.dataset.seenAt));
  return (now - Date.parse(root.dataset.origin)) / QUARTER;
}

function showNow() {
  const line = board?.grid.querySelector(".now");
  if (!line) return;
  const at = slotOfNow(board.root) - board.first;
  line.hidden = at < 0 || at > board.shown;
  line.style.setProperty("--at", at);
}

setInterval(showNow, 20_000);

// --------------------------------------------------------------------------------------------- new and fresh

function begin() {
  const root = document.getElementById("day-grid");
  root.dataset.seenAt ??= performance.now();
  board = root.querySelector(".grid") ? new Board(root) : null;
  cell = null;
  if (!board) return;
  showNow();
  board.grid.addEventListener("keydown", onKey);
  board.grid.addEventListener("click", onClick);
  board.grid.addEventListener("pointermove", onPoint);
  board.grid.addEventListener("pointerleave", () => { board.hint.hidden = true; });
  board.grid.addEventListener("focusin", ({ target }) => {
    if (target !== cell && target.matches(".card")) {
      const found = placeOf(target);
      place(found.s, found.c, { href: hrefOf(target), isFocused: false });
    }
  });
  const c = cursor ? board.column(cursor.staff) : -1;
  if (c >= 0) place(cursor.slot - board.first, c, { href: cursor.href, isFocused: false });
  else place(board.start(), 0, { isFocused: false });
}

// What a refresh must not disturb: where the day is scrolled to, the cursor, and the focus if it was inside.
export function kept() {
  const active = document.activeElement;
  const isInside = board?.grid.contains(active) ?? false;
  const { orientation } = document.getElementById("day-grid").dataset;
  return {
    isInside,
    orientation,
    scroll: [scroller()?.scrollLeft, scroller()?.scrollTop],
    carried: isInside && active.matches(".card.pending") ? hrefOf(active) : null,
    id: active?.id,
    link: active?.closest("#day-grid a")?.getAttribute("href"),
  };
}

function scroller() {
  return document.querySelector("#day-grid > :is(.grid, .day-list)");
}

export function restore({ isInside, orientation, scroll, carried, id, link }) {
  begin();
  const isSame = document.getElementById("day-grid").dataset.orientation === orientation;
  if (isSame && scroller()) [scroller().scrollLeft, scroller().scrollTop] = scroll;
  follow(carried);
  if (document.querySelector("dialog[open]") || document.activeElement !== document.body) return;
  const found = isInside ? cell : (id && document.getElementById(id)) || linkTo(link);
  found?.focus({ preventScroll: true });
}

// A card that was moved by the keyboard takes the cursor with it.
function follow(href) {
  if (!href || !board) return;
  const card = [...board.grid.querySelectorAll(".card")].find((each) => hrefOf(each) === href);
  if (!card) return;
  const found = placeOf(card);
  place(found.s, found.c, { href, isFocused: false });
}

function linkTo(href) {
  return href ? document.querySelector(`#day-grid a[href="${CSS.escape(href)}"]`) : null;
}

let state = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (["day", "day-grid"].includes(detail.target?.id)) state = kept();
});
document.addEventListener("htmx:afterSettle", () => {
  if (!state) return;
  restore(state);
  state = null;
});

// The dialog gives the focus back to what opened it; when a refresh replaced that, to its like: the cursor, or the same link.
let opener = null;
document.addEventListener("click", ({ target }) => {
  const link = target.closest("#day-grid a[data-dialog]");
  if (link) opener = link.getAttribute("href");
}, { capture: true });
document.addEventListener("dialog:closed", () => {
  if (document.activeElement === document.body) (isOpener ? cell : linkTo(opener))?.focus({ preventScroll: true });
  isOpener = false;
  opener = null;
});

export function focusGrid() {
  cell?.focus();
}

// Comes up where the day is: at the current hour, or where work begins.
function scrollToStart() {
  if (!board) return;
  const now = Math.floor(slotOfNow(board.root)) - board.first;
  const s = now >= 0 && now < board.shown ? now : board.opening();
  const size = board.vertical ? board.grid.scrollHeight : board.grid.scrollWidth;
  const offset = Math.max(0, (size * (s - 2)) / board.shown);
  if (board.vertical) board.grid.scrollTop = offset;
  else board.grid.scrollLeft = offset;
}

begin();
scrollToStart();
