// The chosen time on the button, the chosen day in sight, and times on the visitor's own clock as well.

const picker = document.getElementById("picker");
const form = picker.querySelector("form.times");
const button = form?.querySelector("button");

function nameTheTime() {
  const chosen = form.querySelector("input[name=at]:checked");
  if (chosen) button.textContent = form.dataset.label.replace("{}", chosen.parentElement.querySelector("b").textContent);
}

form?.addEventListener("change", nameTheTime);
// Also once a browser that comes back has put the choice back.
if (form) addEventListener("pageshow", nameTheTime);
picker.querySelector("[aria-current=date]")?.scrollIntoView({ block: "nearest", inline: "center" });

// The server works out the times and has to know the zone. It is told once; the page is fetched again only if that changes it.
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const told = document.cookie.split("; ").includes(`zone=${own}`);
if (own && !told) {
  document.cookie = `zone=${own}; path=/; max-age=31536000; samesite=lax`;
  const kept = document.cookie.split("; ").includes(`zone=${own}`);
  if (kept && "ownZone" in picker.dataset && ![picker.dataset.zone, picker.dataset.ownZone].includes(own)) location.reload();
}
