// The customer search: an editable combobox with a listbox (ARIA APG). The server finds; this moves through what it found.
// Works by delegation, because forms come and go with the dialog.

const OPEN = "aria-expanded";

function parts(input) {
  const box = input.closest("[data-combobox]");
  return { list: box.querySelector("[role=listbox]"), held: document.getElementById(box.dataset.combobox) };
}

const isSearch = (element) => element instanceof HTMLInputElement && element.matches("[data-combobox] [role=combobox]");
const options = (list) => [...list.querySelectorAll("[role=option]")];

function close(input) {
  const { list } = parts(input);
  list.hidden = true;
  input.setAttribute(OPEN, "false");
  point(input, null);
}

function point(input, option) {
  for (const other of options(parts(input).list)) other.setAttribute("aria-selected", String(other === option));
  if (option) {
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else input.removeAttribute("aria-activedescendant");
}

function hold(input, value) {
  const { held } = parts(input);
  if (held.value === value) return;
  held.value = value;
  held.dispatchEvent(new Event("change", { bubbles: true }));
}

function choose(input, option) {
  input.value = option.dataset.text;
  input.removeAttribute("aria-invalid");
  input.closest("fieldset").querySelectorAll(".candidates, .errorlist").forEach((old) => old.remove());
  close(input);
  hold(input, option.dataset.value);
}

function step(input, by) {
  const { list } = parts(input);
  const all = options(list);
  if (list.hidden || all.length === 0) return;
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length;
  point(input, all[next]);
}

document.addEventListener("keydown", (event) => {
  const input = event.target;
  if (!isSearch(input)) return;
  const { list } = parts(input);
  const pointed = list.querySelector("[aria-selected=true]");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (list.hidden && options(list).length) show(input);
    step(input, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && !list.hidden && pointed) {
    event.preventDefault();
    choose(input, pointed);
  } else if (event.key === "Enter" && document.getElementById(input.closest("[data-combobox]").dataset.combobox).value === "") {
    event.preventDefault();
  } else if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    event.stopPropagation();
    close(input);
  }
});

// What was typed over a chosen name chooses nobody until somebody is chosen again.
document.addEventListener("input", (event) => {
  if (isSearch(event.target)) hold(event.target, "");
});

function show(input) {
  const { list } = parts(input);
  list.hidden = false;
  input.setAttribute(OPEN, "true");
}

document.addEventListener("htmx:afterSwap", (event) => {
  const list = event.target.closest?.("[data-combobox] [role=listbox]");
  if (!list) return;
  const input = list.closest("[data-combobox]").querySelector("[role=combobox]");
  if (document.activeElement !== input || list.children.length === 0) close(input);
  else show(input);
});

// Before the field loses the focus to what is pressed.
document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest?.("[data-combobox] [role=option]");
  if (!option) return;
  event.preventDefault();
  choose(option.closest("[data-combobox]").querySelector("[role=combobox]"), option);
});

document.addEventListener("focusout", (event) => {
  if (isSearch(event.target)) close(event.target);
});

// A name that was searched for in vain is most likely the new customer's.
document.addEventListener("change", (event) => {
  if (!event.target.matches("[name=new_customer]") || !event.target.checked) return;
  const fields = event.target.closest("fieldset");
  const search = fields.querySelector("[role=combobox]");
  const [given, ...family] = search.value.trim().split(/\s+/);
  const [first, last] = ["given_name", "family_name"].map((name) => fields.querySelector(`[name=${name}]`));
  if (!first.value && !last.value && !/\d/.test(search.value) && !parts(search).held.value) {
    first.value = given ?? "";
    last.value = family.join(" ");
  }
  first.focus();
});
