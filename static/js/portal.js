// What the portal's pages do besides working without it.

// A form sent twice by an impatient thumb books once all the same; this spares the wait.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  // Going back from what this form leads to shows that page, and does not ask to send the one before this form again.
  const leadsOn = !event.submitter?.hasAttribute("formaction");
  if (form.dataset.back && leadsOn) history.replaceState(null, "", form.dataset.back);
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
