// Optional help for the forms of editors: leaving with unsaved changes asks first, going back to a form that
// was sent shows what was typed, and the panel of effects shows no old number.

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

// The tab keeps the form that was sent last. If the user comes back to it and nothing has been saved since,
// it has its texts again, and its token: sent again, it does not do the same thing twice. The browser itself
// would restore a part of the fields, and over later values of another editor.
form.autocomplete = "off";

const ONCE = ["csrf_token", "submission"]; // another one on each page

// Without the fields of empty rows, of which the answer to "More empty rows" has more.
const served = JSON.stringify(
  [...form.querySelectorAll("input[type=hidden]")]
    .filter((each) => each.value && !ONCE.includes(each.name)).map((each) => [each.name, each.value]),
);

// Names the entry of the history: other empty forms have the same address.
const entry = history.state?.entry ?? performance.timeOrigin;
history.replaceState({ ...history.state, entry }, "");

const { user } = document.body.dataset;

form.addEventListener("submit", () => {
  const fields = [...new FormData(form)].filter(([name]) => name !== "csrf_token");
  sessionStorage.setItem("sent", JSON.stringify({ user, entry, served, fields }));
});

function restore(fields) {
  for (const field of form.elements) {
    const texts = fields.filter(([name]) => name === field.name).map(([, text]) => text);
    if (["checkbox", "radio"].includes(field.type)) field.checked = texts.includes(field.value);
    else if (texts.length && field.type !== "submit") [field.value] = texts;
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

const [navigation] = performance.getEntriesByType("navigation");
let last = JSON.parse(sessionStorage.getItem("sent") ?? "{}");
if (last.user !== user) { // another one has signed in since
  sessionStorage.removeItem("sent");
  last = {};
}
if (navigation.type === "back_forward" && last.entry === entry && last.served === served) {
  form.dispatchEvent(new CustomEvent("restore", { detail: last.fields }));
  restore(last.fields);
}

// After a failed request, such as one without a session, the panel does not keep an old number.
for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  addEventListener(failure, () => {
    const panel = document.querySelector("#affected");
    panel.textContent = panel.dataset.unknown;
  });
}
