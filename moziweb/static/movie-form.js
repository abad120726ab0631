// Optional help for the movie's form: buttons order people, a changed date opens its reason, and leaving
// with unsaved changes asks first.

const form = document.querySelector("[data-film]");

document.querySelector("[data-shortcuts]").hidden = false;

function serialized() {
  return new URLSearchParams(new FormData(form)).toString();
}

form.addEventListener("input", (event) => {
  openReason(event.target);
  nameMovers(event.target.closest(".person"));
});

function openReason(field) {
  const row = field.closest(".premiere-row");
  if (!row || !/-(date|precision)$/.test(field.name)) return;
  row.querySelector("[data-move]")?.setAttribute("open", "");
}

// Buttons for up and down instead of numbers.
for (const list of document.querySelectorAll(".people")) {
  for (const row of list.children) {
    row.append(mover(row, "up"), mover(row, "down"));
    nameMovers(row);
  }
  renumber(list);
}

function mover(row, direction) {
  const button = document.createElement("button");
  const up = direction === "up";
  button.type = "button";
  button.className = "mover";
  button.dataset.direction = direction;
  button.textContent = up ? "↑" : "↓";
  button.addEventListener("click", () => {
    const other = up ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (up) other.before(row);
    else other.after(row);
    renumber(row.parentElement);
    button.focus();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return button;
}

// The accessible name of a button contains the person's name.
function nameMovers(row) {
  const words = document.documentElement.lang === "hu"
    ? { up: "feljebb", down: "lejjebb" }
    : { up: "up", down: "down" };
  for (const button of row?.querySelectorAll(".mover") ?? []) {
    const name = row.querySelector("[name$=-name]").value;
    button.setAttribute("aria-label", `${name} ${words[button.dataset.direction]}`.trim());
  }
}

function renumber(list) {
  [...list.children].forEach((row, index) => {
    row.querySelector("[data-place]").value = index + 1;
  });
}

// Ask before leaving with unsaved changes: what was typed since the page was loaded, after the rows are
// numbered, or what the page shows of a form that was not saved.
const initial = serialized();
let sent = false;
form.addEventListener("submit", () => { sent = true; });
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
