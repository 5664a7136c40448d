// What every staff page has: the dialog, toasts, menus that close, and answers to expired or refused requests.

const dialog = document.getElementById("dialog");
const body = document.getElementById("dialog-body");
let opener = null;

export function openDialog(url, from = document.activeElement) {
  if (!dialog.open) opener = from;
  return htmx.ajax("GET", url, { target: "#dialog-body", swap: "innerHTML" });
}

export function closeDialog() {
  dialog.close();
}

// On a narrow screen the bar is wider than it: show where we are.
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Show what arrived. The dialog's first field, or its heading, gets the focus; a part within what is shown leaves it alone.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.parentElement !== body && event.target !== body) return;
  const heading = body.querySelector("h1, h2");
  if (heading) heading.id = "dialog-title";
  if (!dialog.open) dialog.showModal();
  const field = body.querySelector("[aria-invalid=true], [autofocus]") ?? heading;
  if (!field) return;
  if (field === heading) field.tabIndex = -1;
  field.focus();
});

// Links that open in the dialog when there is JavaScript, and as pages when there is none or a new tab is asked for.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    openDialog(link.href, link);
    return;
  }
  if (event.target.closest("[data-close-dialog]") && dialog.open) {
    event.preventDefault();
    closeDialog();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

dialog.addEventListener("close", () => {
  body.replaceChildren();
  if (opener?.isConnected) opener.focus();
  opener = null;
  document.dispatchEvent(new CustomEvent("dialog:closed"));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// Toasts: `{text, action: {label, url, values}, refusal: true}`. One with an action stays longer, a refusal until dismissed.
export function toast({ text, action = null, refusal = false }) {
  const box = document.createElement("div");
  box.className = refusal ? "toast refusal" : "toast";
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  if (action) box.append(button(action.label, () => { box.remove(); act(action); }));
  box.append(button("Dismiss", () => box.remove()));
  const toasts = document.getElementById("toasts");
  toasts.append(box);
  while (toasts.children.length > 3) toasts.firstChild.remove();
  if (!refusal) setTimeout(() => box.remove(), action ? 15000 : 6000);
}

function button(label, onClick) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = label;
  element.addEventListener("click", onClick);
  return element;
}

function act({ url, values, event }) {
  if (event) document.dispatchEvent(new CustomEvent(event.name, { detail: event.detail }));
  else htmx.ajax("POST", url, { source: "#toasts", values, swap: "none" });
}

// The server speaks through HX-Trigger: `toast`, `close-dialog`, `appointment-changed`.
document.addEventListener("toast", (event) => toast(event.detail));
document.addEventListener("close-dialog", closeDialog);

// A refused form (409, 422) carries its own fresh part; show it instead of dropping it. A whole error page is said in a toast.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  const isPart = /^\s*<(?!!doctype)/i.test(xhr.responseText);
  if ([400, 404, 409, 422, 429].includes(xhr.status) && isPart) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});

document.addEventListener("htmx:sendError", (event) => {
  if (event.detail.requestConfig.headers["X-Passive"]) return;
  toast({ text: "No connection. Nothing was changed; try again in a moment.", refusal: true });
});

document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (event.detail.requestConfig.headers["X-Passive"]) return;
  if (status === 403) toast({ text: "You may not do this. Ask a manager or an administrator.", refusal: true });
  else if (status === 404) toast({ text: "This is no longer here, or not at one of your facilities.", refusal: true });
  else if (status === 429) toast({ text: "Too many tries. Wait a few minutes.", refusal: true });
  else if (status === 400) toast({ text: "This was not understood. Reload the page and try again.", refusal: true });
  else if (status >= 500) toast({ text: "Something went wrong on our side. Nothing was changed; try again.", refusal: true });
});
