// Optional help for the movie's form: buttons order people, and a changed date opens its reason.

const form = document.querySelector("[data-film]");

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
