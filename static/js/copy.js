// Buttons that copy a field. Where a browser does not let them, they select it, to be copied by hand.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copies);
  const said = document.getElementById(`${field.id}-copied`);
  field.focus();
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    said.textContent = button.dataset.said;
  } catch {
    said.textContent = "";
  }
});
