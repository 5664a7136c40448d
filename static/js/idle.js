// Automatic logoff, as the page sees it: the server keeps the time, this warns a minute before and leaves when it is over.
// Typing and clicking without requests is told to the server, at most once a minute.

const MINUTE = 60_000;
const SAID_AT = [30, 10];
const SIGNS_OF_LIFE = ["pointerdown", "pointermove", "keydown", "input", "wheel", "scroll", "touchstart"];

const dialog = document.getElementById("idle");
if (dialog) watch(dialog);

function watch(dialog) {
  const form = dialog.querySelector("form");
  const limit = Number(dialog.dataset.idleSeconds) * 1000;
  let lastActive = Date.now();
  let lastTold = Date.now();
  let isAsking = false;

  for (const sign of SIGNS_OF_LIFE) {
    document.addEventListener(sign, () => {
      if (!dialog.open && Date.now() - lastActive < limit) lastActive = Date.now();
    }, { capture: true, passive: true });
  }

  const left = () => Math.ceil((limit - (Date.now() - lastActive)) / 1000);

  async function tick() {
    if (isAsking) return;
    if (left() > 60) {
      if (dialog.open) dialog.close();
      if (lastActive > lastTold && Date.now() - lastTold >= MINUTE) await tell();
    } else if (!dialog.open || left() <= 0 || left() % 10 === 0) {
      await ask();
    }
    if (left() <= 0) leave();
    else if (left() <= 60) warn(left());
  }

  // Another tab may have been busy: the server knows the latest activity of all of them.
  async function ask() {
    const answer = await talk();
    if (answer) lastActive = Math.max(lastActive, Date.now() - limit + answer.seconds_left * 1000);
  }

  async function tell() {
    lastTold = Date.now();
    const idleFor = Math.floor((Date.now() - lastActive) / 1000);
    await talk({ idle_for: String(idleFor), csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
  }

  async function talk(told = null) {
    isAsking = true;
    try {
      const body = told && new URLSearchParams(told);
      const headers = { Accept: "application/json", "X-Passive": "1" };
      const answer = await fetch(dialog.dataset.activityUrl, { method: told ? "POST" : "GET", headers, body, cache: "no-store" });
      if (answer.status === 401) leave();
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // No connection: the countdown goes on, and the page does not stay open for whoever comes by.
    } finally {
      isAsking = false;
    }
  }

  function warn(seconds) {
    dialog.querySelector("[data-left]").textContent = seconds;
    const said = dialog.querySelector("[data-said]");
    if (SAID_AT.includes(seconds)) said.textContent = `${seconds} seconds left`;
    if (dialog.open) return;
    said.textContent = "";
    dialog.showModal();
  }

  async function stay() {
    lastActive = Date.now();
    dialog.close();
    await tell();
  }

  function leave() {
    clearInterval(timer);
    form.elements.why.value = "idle";
    form.elements.next.value = location.pathname + location.search;
    form.submit();
  }

  const timer = setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
  window.addEventListener("pageshow", (event) => event.persisted && tick());
  dialog.querySelector("[data-stay]").addEventListener("click", stay);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    stay();
  });
}
