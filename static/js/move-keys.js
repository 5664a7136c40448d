// Moving by keyboard: M takes the focused card, the arrows carry it, Shift with an arrow makes it longer or shorter, Enter
// puts it down, Escape leaves it where it was. Every place is said aloud.

import { Move, movable } from "./placing.js";

const HOUR = 4;
const ACROSS = { vertical: ["ArrowLeft", "ArrowRight"], horizontal: ["ArrowUp", "ArrowDown"] };
const ALONG = { vertical: ["ArrowUp", "ArrowDown"], horizontal: ["ArrowLeft", "ArrowRight"] };

let move = null;

const voice = document.createElement("div");
voice.id = "move-voice";
voice.className = "sr-only";
voice.setAttribute("role", "status");
document.body.append(voice);

function say(words) {
  voice.textContent = words;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTaken = move ? carry(event) : take(event);
  if (!isTaken) return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });

function take({ key, target }) {
  if (key !== "m" && key !== "M") return false;
  const card = movable(target);
  if (!card) return false;
  move = new Move(card);
  show(`Moving. ${described()}. Arrows move it, Shift and an arrow change its length, Enter puts it down, Escape leaves it.`);
  return true;
}

// Keys that go elsewhere, to a dialog that opened meanwhile, are none of ours.
function carry({ key, shiftKey, target }) {
  if (!move.root.contains(target)) {
    finish("cancel");
    return false;
  }
  if (key === "Enter" || key === " ") finish("drop");
  else if (key === "Escape") finish("cancel");
  else if (key === "Tab") {
    finish("cancel");
    return false;
  } else step(key, shiftKey);
  return true;
}

function step(key, isResize) {
  const orientation = move.vertical ? "vertical" : "horizontal";
  const along = ALONG[orientation].indexOf(key);
  const across = ACROSS[orientation].indexOf(key);
  const page = ["PageUp", "PageDown"].indexOf(key);
  if (along >= 0 && isResize) move.endAt(move.place.s + move.place.n + (along ? 1 : -1));
  else if (along >= 0) move.shift(along ? 1 : -1, 0);
  else if (page >= 0) move.shift(page ? HOUR : -HOUR, 0);
  else if (across >= 0 && !isResize) move.shift(0, across ? 1 : -1);
  else return;
  show(described());
}

function described() {
  const obstacle = move.obstacle();
  return obstacle ? `${move.label}, ${obstacle}` : move.label;
}

function show(words) {
  move.ghost.scrollIntoView({ block: "nearest", inline: "nearest" });
  say(words);
}

function finish(how) {
  const ended = move;
  move = null;
  say(how === "drop" ? "" : "Not moved.");
  ended[how]();
}

// Whoever reaches for the mouse meanwhile has given it up.
document.addEventListener("pointerdown", () => {
  if (move) finish("cancel");
}, { capture: true });
