// Optional help for the forms of editors: leaving with unsaved changes asks first, and the panel of effects
// shows no old number.

const form = document.querySelector("[data-asks]");

document.querySelector("[data-shortcuts]").hidden = false;

// Without empty fields: those of a new row are nothing typed.
function serialized() {
  return JSON.stringify([...new FormData(form)].filter(([, value]) => value !== ""));
}

// Ask before leaving with unsaved changes: what was typed since the page was loaded, after the rows are
// numbered, or what the page shows of a form that was not saved. What is typed after a request was stopped
// is unsaved, too.
const initial = serialized();
let sent = false;
form.addEventListener("submit", () => { sent = true; });
form.addEventListener("input", () => { sent = false; });
addEventListener("pageshow", () => { sent = false; });
addEventListener("beforeunload", (event) => {
  if (!sent && ("unsaved" in form.dataset || serialized() !== initial)) event.preventDefault();
});

// After a failed request, such as one without a session, the panel does not keep an old number.
for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  addEventListener(failure, () => {
    const panel = document.querySelector("#affected");
    panel.textContent = panel.dataset.unknown;
  });
}
