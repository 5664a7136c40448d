// Fields on the pages of an uploaded PDF: a click adds one, dragging or the arrow keys move it. The rows of numbers beside the
// pages are what is sent, and work without this; each box on a page is one of them.

const pages = [...document.querySelectorAll("#placing .pdf-page")];
const rows = document.getElementById("placed-rows");
const total = document.querySelector("[name=p-TOTAL_FORMS]");
const blank = document.getElementById("placed-row");
const said = document.getElementById("placing-said");
const STEP = 0.5;
const LEAST = 1;
// Of a page, in hundredths: what a field of this kind begins with.
const SIZES = { tick: [2.6, 2], initials: [9, 2.6], date: [16, 2.6] };
const USUAL = [30, 2.6];
const PARTS = ["x", "y", "width", "height"];
const boxes = new Map();

const input = (row, name) => row.querySelector(`[name$="-${name}"]`);
const isGone = (row) => input(row, "DELETE").checked;
const round = (number) => Math.round(number * 100) / 100;
const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

function placeOf(row) {
  const place = Object.fromEntries(PARTS.map((name) => [name, Number(input(row, name).value)]));
  return { ...place, page: Number(input(row, "page").value) - 1 };
}

function put(row, { x, y, width, height, page }) {
  const size = { width: clamp(width, LEAST, 100), height: clamp(height, LEAST, 100) };
  const place = { x: clamp(x, 0, 100 - size.width), y: clamp(y, 0, 100 - size.height), ...size };
  for (const name of PARTS) input(row, name).value = round(place[name]);
  input(row, "page").value = page + 1;
  draw(row);
}

function nameOf(row) {
  const kind = input(row, "kind");
  return input(row, "label").value.trim() || kind.options[kind.selectedIndex].text;
}

function draw(row) {
  const box = boxes.get(row);
  const place = placeOf(row);
  const page = pages[place.page];
  box.hidden = isGone(row) || !page;
  if (box.hidden) return;
  if (box.parentElement !== page) page.append(box);
  for (const [name, part] of [["left", "x"], ["top", "y"], ["width", "width"], ["height", "height"]]) {
    box.style[name] = `${place[part]}%`;
  }
  box.firstChild.data = nameOf(row);
  box.className = `placed ${input(row, "role").value}`;
  box.setAttribute("aria-label", `${nameOf(row)}, page ${place.page + 1}`);
}

function take(row) {
  input(row, "DELETE").checked = true;
  draw(row);
  row.hidden = true;
  said.textContent = `${nameOf(row)} is taken away.`;
  document.getElementById("add-field").focus();
}

function adopt(row) {
  const box = document.createElement("button");
  box.type = "button";
  box.append("", Object.assign(document.createElement("span"), { className: "grip" }));
  boxes.set(row, box);
  box.addEventListener("keydown", (event) => onKey(event, row));
  box.addEventListener("pointerdown", (event) => onGrab(event, row));
  box.addEventListener("click", (event) => event.stopPropagation());
  box.addEventListener("dblclick", () => input(row, "label").focus());
  row.addEventListener("input", () => draw(row));
  for (const [name, isOn] of [["focusin", true], ["focusout", false]]) {
    row.addEventListener(name, () => box.classList.toggle("chosen", isOn));
    box.addEventListener(name, () => row.classList.toggle("chosen", isOn));
  }
  draw(row);
}

function add(page, x, y) {
  const number = Number(total.value);
  const made = document.createElement("template");
  made.innerHTML = blank.innerHTML.replaceAll("__prefix__", number);
  const row = made.content.firstElementChild;
  rows.append(row);
  total.value = number + 1;
  const last = [...rows.children].slice(0, -1).findLast((each) => !each.hidden);
  const kind = last ? input(last, "kind").value : "text";
  input(row, "kind").value = kind;
  if (last) input(row, "role").value = input(last, "role").value;
  const [width, height] = SIZES[kind] ?? USUAL;
  for (const name of [...PARTS, "page"]) input(row, name).value = 0;
  row.querySelector("details").open = false;
  adopt(row);
  put(row, { x, y: y - height / 2, width, height, page });
  input(row, "kind").addEventListener("change", () => resize(row));
  return row;
}

// Another kind has another size, as long as nobody has given it one.
function resize(row) {
  const [width, height] = SIZES[input(row, "kind").value] ?? USUAL;
  if ([USUAL, ...Object.values(SIZES)].some(([w, h]) => w === placeOf(row).width && h === placeOf(row).height)) {
    put(row, { ...placeOf(row), width, height });
  }
}

function onKey(event, row) {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const place = placeOf(row);
  if (event.key === "Delete") take(row);
  else if (event.key === "Enter") input(row, "label").focus();
  else if (way && event.shiftKey) put(row, { ...place, width: place.width + way[0] * STEP, height: place.height + way[1] * STEP });
  else if (way) put(row, { ...place, x: place.x + way[0] * STEP, y: place.y + way[1] * STEP });
  else return;
  event.preventDefault();
}

function onGrab(event, row) {
  if (event.button !== 0) return;
  const box = boxes.get(row);
  const page = box.parentElement.getBoundingClientRect();
  const from = placeOf(row);
  const isGrip = event.target.className === "grip";
  event.preventDefault();
  box.focus();
  box.setPointerCapture(event.pointerId);
  const move = (at) => {
    const x = ((at.clientX - event.clientX) / page.width) * 100;
    const y = ((at.clientY - event.clientY) / page.height) * 100;
    if (isGrip) put(row, { ...from, width: from.width + x, height: from.height + y });
    else put(row, { ...from, x: from.x + x, y: from.y + y });
  };
  const end = () => {
    box.removeEventListener("pointermove", move);
    box.removeEventListener("pointerup", end);
    box.removeEventListener("pointercancel", end);
  };
  box.addEventListener("pointermove", move);
  box.addEventListener("pointerup", end);
  box.addEventListener("pointercancel", end);
}

function pageInView() {
  const middle = window.innerHeight / 2;
  const found = pages.findIndex((page) => page.getBoundingClientRect().bottom > middle);
  return found < 0 ? pages.length - 1 : found;
}

for (const box of document.querySelectorAll("#placing .placed")) box.remove();
for (const row of [...rows.children]) {
  // The blank row is for who has no JavaScript.
  if (input(row, "x").value === "" && input(row, "label").value === "" && !row.querySelector(".errorlist")) {
    row.remove();
    total.value = Number(total.value) - 1;
  } else {
    adopt(row);
    row.hidden = isGone(row);
  }
}
for (const [number, page] of pages.entries()) {
  page.addEventListener("click", (event) => {
    const area = page.getBoundingClientRect();
    const x = ((event.clientX - area.left) / area.width) * 100;
    const y = ((event.clientY - area.top) / area.height) * 100;
    input(add(number, x, y), "label").focus({ preventScroll: true });
  });
}
const button = document.getElementById("add-field");
button.hidden = false;
button.addEventListener("click", () => {
  const row = add(pageInView(), 35, 50);
  boxes.get(row).focus();
  said.textContent = "A field is in the middle of the page. Move it with the arrow keys; Enter leads to its label.";
});
