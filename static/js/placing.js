// Where a card may go on the day grid: the lattice it lies on, a ghost that names the place, and the request that moves it.
// A place is {s, n, c}: first slot and length in quarter hours, counted from the first slot shown, and the staff column.

import { rangeOf } from "./slots.js";

const QUARTER = 15 * 60 * 1000;
const LONGEST = 96;
const PATIENCE = 20000;
const OUTSIDE = "outside hours";

export function movable(element) {
  const card = element?.closest?.(".card[data-v]:not(.fixed, .pending)");
  return card?.closest("#day-grid[data-can-change]") ? card : null;
}

function placeOf(card) {
  const number = (name) => Number(card.style.getPropertyValue(name));
  return { s: number("--s"), n: number("--n"), c: number("--c") };
}

function put(element, { s, n, c }) {
  for (const [name, value] of Object.entries({ s, n, c })) element.style.setProperty(`--${name}`, value);
}

function same(one, other) {
  return one.s === other.s && one.n === other.n && one.c === other.c;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), Math.max(low, high));
}

// One card on its way to another place. The grid is not refreshed until `drop` or `cancel`.
export class Move {
  constructor(card) {
    this.card = card;
    this.root = card.closest("#day-grid");
    this.scroller = this.root.querySelector("[role=grid]");
    this.vertical = this.root.dataset.orientation === "vertical";
    this.first = Number(this.root.dataset.first);
    this.shown = Number(this.root.dataset.shown);
    this.heads = [...this.root.querySelectorAll(".head[data-staff]")];
    this.from = placeOf(card);
    this.place = this.from;
    hold(this.root);
    card.classList.add("lifted");
    this.ghost = document.createElement("div");
    this.ghost.className = "card ghost";
    this.ghost.setAttribute("aria-hidden", "true");
    this.words = document.createElement("span");
    this.ghost.append(this.words);
    card.parentElement.append(this.ghost);
    this.#measure();
    this.to(this.from);
  }

  #measure() {
    const edge = (s) => {
      put(this.ghost, { s, n: 1, c: this.from.c });
      return this.#start(this.ghost);
    };
    this.slot = (edge(this.shown - 1) - edge(0)) / (this.shown - 1);
  }

  #start(element) {
    const box = element.getBoundingClientRect();
    return this.vertical ? box.top : box.left;
  }

  // The point on the lattice, in slots from the first one shown; not rounded.
  slotAt({ x, y }) {
    const origin = this.#start(this.ghost) - this.place.s * this.slot;
    return ((this.vertical ? y : x) - origin) / this.slot;
  }

  columnAt({ x, y }) {
    const across = this.vertical ? x : y;
    const column = this.heads.findIndex((head) => {
      const box = head.getBoundingClientRect();
      return across < (this.vertical ? box.right : box.bottom);
    });
    return column === -1 ? this.heads.length - 1 : column;
  }

  shift(slots, columns) {
    const { s, n, c } = this.place;
    this.to({ s: s + slots, n, c: c + columns });
  }

  // Another end with the same start.
  endAt(slot) {
    const { s, c } = this.place;
    this.to({ s, n: clamp(slot - s, 1, Math.max(this.shown, this.from.s + this.from.n) - s), c });
  }

  // Another start with the same end.
  startAt(slot) {
    const end = this.from.s + this.from.n;
    const s = clamp(slot, Math.max(0, end - LONGEST), end - 1);
    this.to({ s, n: end - s, c: this.from.c });
  }

  // Shows the ghost there, or at the nearest place there is.
  to({ s, n, c }) {
    const length = clamp(n, 1, LONGEST);
    this.place = {
      s: clamp(s, Math.min(0, this.from.s), Math.max(this.shown - length, this.from.s)),
      n: length,
      c: clamp(c, 0, this.heads.length - 1),
    };
    put(this.ghost, this.place);
    const obstacle = this.obstacle();
    this.ghost.classList.toggle("outside", obstacle === OUTSIDE);
    this.ghost.classList.toggle("clash", obstacle !== "" && obstacle !== OUTSIDE);
    this.words.textContent = obstacle ? `${this.label} · ${obstacle}` : this.label;
    this.#keepWordsInSight();
  }

  #keepWordsInSight() {
    this.words.style.translate = "0";
    const over = this.words.getBoundingClientRect().right - this.scroller.getBoundingClientRect().right;
    if (over > 0) this.words.style.translate = `${-over}px`;
  }

  get name() {
    return this.heads[this.place.c].dataset.name;
  }

  get label() {
    const start = this.first + this.place.s;
    return `${rangeOf(this.root, start, start + this.place.n)}, ${this.name}`;
  }

  // What the grid shows there already; the server alone decides.
  obstacle() {
    const { s, n, c } = this.place;
    const meets = (element) => {
      const other = placeOf(element);
      return other.c === c && other.s < s + n && s < other.s + other.n;
    };
    const met = (selector) => [...this.root.querySelectorAll(selector)].find((each) => each !== this.card && meets(each));
    if (met(".card:not(.ghost, .cancelled)")) return "taken";
    const away = met(".away");
    if (away) return away.textContent.trim();
    return met(".off") ? OUTSIDE : "";
  }

  cancel() {
    this.#end();
    this.card.classList.remove("lifted");
  }

  // Leaves the card where it was dropped, dimmed, until the server answers; takes it back when the server refuses.
  async drop() {
    if (same(this.place, this.from) || !this.card.isConnected) {
      this.cancel();
      return;
    }
    this.#end(false);
    const { card } = this;
    put(card, this.place);
    card.classList.replace("lifted", "pending");
    card.setAttribute("aria-busy", "true");
    const isDone = await move(this.#request(), () => release(this.root));
    if (isDone) return;
    put(card, this.from);
    card.classList.remove("pending");
    card.removeAttribute("aria-busy");
  }

  #request() {
    const start = new Date(Date.parse(this.root.dataset.origin) + (this.first + this.place.s) * QUARTER);
    return {
      url: new URL("move/", this.card.querySelector("a").href).pathname,
      values: {
        starts_at: start.toISOString(),
        minutes: this.place.n * 15,
        staff: this.heads[this.place.c].dataset.staff,
        version: this.card.dataset.v,
        date: this.root.dataset.date,
      },
    };
  }

  #end(isOver = true) {
    this.ghost.remove();
    if (isOver) release(this.root);
  }
}

// While held, the live refresh leaves the grid as it is.
function hold(root) {
  root.dataset.busy = "1";
  document.dispatchEvent(new CustomEvent("grid:hold"));
}

function release(root) {
  delete root.dataset.busy;
  document.dispatchEvent(new CustomEvent("grid:release"));
}

const requests = new WeakMap();

// Posts from an element of its own: HTMX lets one element have only one request, and a refresh may remove the card.
function move({ url, values }, onAnswer) {
  const courier = document.createElement("span");
  courier.hidden = true;
  courier.setAttribute("hx-request", JSON.stringify({ timeout: PATIENCE }));
  document.body.append(courier);
  requests.set(courier, { url, values });
  courier.addEventListener("htmx:beforeOnLoad", onAnswer);
  courier.addEventListener("htmx:timeout", () => {
    say({ text: "No answer yet. Look at the grid before you try again.", refusal: true });
    document.dispatchEvent(new CustomEvent("appointment-changed"));
  });
  return new Promise((resolve) => {
    courier.addEventListener("htmx:afterRequest", ({ detail }) => {
      onAnswer();
      resolve(detail.successful === true);
    });
    htmx.ajax("POST", url, { source: courier, target: courier, swap: "none", values }).catch(() => {}).finally(() => courier.remove());
  });
}

document.addEventListener("move-refused", ({ target, detail }) => {
  const request = requests.get(target);
  const action = detail.overridable && request ? anyway(request, detail.code) : null;
  say({ text: detail.message, refusal: true, action });
  if (detail.code === "stale") document.dispatchEvent(new CustomEvent("appointment-changed"));
});

function anyway({ url, values }, code) {
  const overrides = [...(values.overrides ?? []), code];
  return { label: "Move anyway", event: { name: "move:anyway", detail: { url, values: { ...values, overrides } } } };
}

document.addEventListener("move:anyway", ({ detail }) => move(detail, () => {}));

function say(detail) {
  document.dispatchEvent(new CustomEvent("toast", { detail }));
}
