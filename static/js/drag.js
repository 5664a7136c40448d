// Cards dragged by mouse, pen or finger: the body to move, an edge to make longer or shorter. A finger holds first, so that
// swiping still scrolls.

import { Move, movable } from "./placing.js";

const THRESHOLD = 5;
const LONG_PRESS = 400;
const RIM = 40;
const FASTEST = 14;

let press = null; // {card, part, id, at, isTouch, timer}: a pointer that went down on a card
let drag = null; // {move, part, id, grabbed, from, at, frame}

// The part of the card under the pointer: "start" and "end" are a strip at each edge, never more than a third of the card.
function partOf(card, { clientX, clientY, pointerType }) {
  const vertical = card.closest("#day-grid").dataset.orientation === "vertical";
  const box = card.getBoundingClientRect();
  const size = vertical ? box.height : box.width;
  const depth = vertical ? clientY - box.top : clientX - box.left;
  const strip = Math.min(pointerType === "touch" ? 16 : 8, size / 3);
  if (depth >= size - strip) return "end";
  return depth < strip ? "start" : "body";
}

function pointOf(event) {
  return { x: event.clientX, y: event.clientY };
}

function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

document.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button !== 0 || drag) return;
  const card = movable(event.target);
  if (!card) return;
  const isTouch = event.pointerType === "touch";
  press = { card, part: partOf(card, event), id: event.pointerId, at: pointOf(event), isTouch, timer: null };
  if (isTouch) press.timer = setTimeout(begin, LONG_PRESS);
});

document.addEventListener("pointermove", (event) => {
  if (drag?.id === event.pointerId) {
    drag.at = pointOf(event);
    follow();
  } else if (press?.id === event.pointerId) {
    if (distance(press.at, pointOf(event)) < THRESHOLD) return;
    if (press.isTouch) forget();
    else begin(pointOf(event));
  } else if (event.pointerType !== "touch") {
    showEdge(event);
  }
});

function showEdge(event) {
  const card = movable(event.target);
  for (const other of document.querySelectorAll(".card[data-edge]")) {
    if (other !== card) delete other.dataset.edge;
  }
  if (!card) return;
  const part = partOf(card, event);
  if (part === "body") delete card.dataset.edge;
  else card.dataset.edge = part;
}

function begin(at = press.at) {
  const { card, part, id } = press;
  const start = press.at;
  forget();
  if (!movable(card)) return;
  const move = new Move(card);
  drag = { move, part, id, from: start, at, grabbed: move.slotAt(start) - move.from.s, frame: 0 };
  card.setPointerCapture(id);
  document.addEventListener("click", swallow, { capture: true });
  document.documentElement.classList.add(part === "body" ? "dragging" : "resizing");
  navigator.vibrate?.(15);
  follow();
  scrollAtRim();
}

function forget() {
  clearTimeout(press?.timer);
  press = null;
}

// Puts the ghost where the pointer is.
function follow() {
  const { move, part, at, grabbed } = drag;
  const { s, n } = move.from;
  const slots = Math.round(move.slotAt(at) - grabbed - s);
  if (part === "body") move.to({ s: s + slots, n, c: move.columnAt(at) });
  else if (part === "end") move.endAt(s + n + slots);
  else move.startAt(s + slots);
}

// Scrolls the grid, or the page where the grid is taller than the window, faster the nearer the pointer is to the edge.
// A card taken near an edge scrolls nothing until it is carried further towards it.
function scrollAtRim() {
  if (!drag) return;
  const { from, at, move: { scroller } } = drag;
  const area = visible(scroller);
  const dx = pull(from.x, at.x, area.left, area.right);
  const dy = pull(from.y, at.y, area.top, area.bottom);
  if (dx || dy) {
    const before = [scroller.scrollLeft, scroller.scrollTop];
    scroller.scrollBy(dx, dy);
    if (scroller.scrollTop === before[1]) window.scrollBy(0, dy);
    follow();
  }
  drag.frame = requestAnimationFrame(scrollAtRim);
}

// The part of the scrolled area that its sticky heads and the window leave free.
function visible(scroller) {
  const box = scroller.getBoundingClientRect();
  const head = scroller.querySelector(".head")?.getBoundingClientRect();
  const axis = scroller.querySelector(".at")?.getBoundingClientRect();
  const vertical = drag.move.vertical;
  return {
    left: Math.max(box.left, 0) + ((vertical ? axis : head)?.width ?? 0),
    top: Math.max(box.top, 0) + ((vertical ? head : axis)?.height ?? 0),
    right: Math.min(box.right, window.innerWidth),
    bottom: Math.min(box.bottom, window.innerHeight),
  };
}

function pull(from, at, low, high) {
  if (at < low + RIM && at < from) return -FASTEST * Math.min((low + RIM - at) / RIM, 1);
  if (at > high - RIM && at > from) return FASTEST * Math.min((at - high + RIM) / RIM, 1);
  return 0;
}

function end() {
  const { move, frame } = drag;
  cancelAnimationFrame(frame);
  drag = null;
  document.documentElement.classList.remove("dragging", "resizing");
  return move;
}

// The click that ends a drag opens nothing.
function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("pointerup", (event) => {
  if (press?.id === event.pointerId) forget();
  if (drag?.id === event.pointerId) end().drop();
  setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 50);
});

document.addEventListener("pointercancel", (event) => {
  if (press?.id === event.pointerId) forget();
  if (drag?.id === event.pointerId) end().cancel();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !drag) return;
  event.preventDefault();
  event.stopPropagation();
  end().cancel();
}, { capture: true });

// A finger that holds a card neither scrolls nor opens the browser's menu; a link in a card is not dragged as a link.
document.addEventListener("touchmove", (event) => {
  if (drag) event.preventDefault();
}, { passive: false });
document.addEventListener("contextmenu", (event) => {
  if (drag || press?.isTouch) event.preventDefault();
});
document.addEventListener("dragstart", (event) => {
  if (movable(event.target)) event.preventDefault();
});
