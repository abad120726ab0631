// The film's form, made more comfortable: it orders people with buttons, opens the reason of a premiere
// whose date is changed, and is not left by mistake. Without it everything can be done, too.

const form = document.querySelector("[data-film]");
const initial = serialized();

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

// Leaving with something typed asks first; sending the form does not.
let sent = false;
form.addEventListener("submit", () => { sent = true; });
addEventListener("beforeunload", (event) => {
  if (!sent && serialized() !== initial) event.preventDefault();
});

// People: up and down instead of numbers.
for (const list of document.querySelectorAll(".people")) {
  for (const row of list.children) {
    row.append(mover(row, "up"), mover(row, "down"));
    nameMovers(row);
  }
  renumber(list);
}

function mover(row, way) {
  const button = document.createElement("button");
  const up = way === "up";
  button.type = "button";
  button.className = "mover";
  button.dataset.way = way;
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

// Whom a button moves is part of its name, for those who only hear it.
function nameMovers(row) {
  const words = document.documentElement.lang === "hu"
    ? { up: "feljebb", down: "lejjebb" }
    : { up: "up", down: "down" };
  for (const button of row?.querySelectorAll(".mover") ?? []) {
    const name = row.querySelector("[name$=-name]").value;
    button.setAttribute("aria-label", `${name} ${words[button.dataset.way]}`.trim());
  }
}

function renumber(list) {
  [...list.children].forEach((row, index) => {
    row.querySelector("[data-place]").value = index + 1;
  });
}
