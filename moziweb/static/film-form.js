// The film's form, made more comfortable: it tells meanwhile what saving would refresh, orders people
// with buttons, opens the reason of a premiere whose date is changed, and is not left by mistake.
// Without it everything can be done, too.

const PAUSE_MS = 700;

const form = document.querySelector("[data-film]");
const panel = document.getElementById("effects");
const initial = serialized();

document.querySelector("[data-shortcuts]").hidden = false;

function serialized() {
  return new URLSearchParams(new FormData(form)).toString();
}

// What saving would do, a moment after the last key; the latest question alone is answered.
let timer;
let asking;

async function tellEffects() {
  asking?.abort();
  asking = new AbortController();
  try {
    const answer = await fetch(form.dataset.effects, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      signal: asking.signal,
    });
    // Signed out meanwhile: saving will lead to signing in, and bring everything along.
    if (answer.ok) panel.innerHTML = await answer.text();
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

form.addEventListener("input", (event) => {
  openReason(event.target);
  if (!form.dataset.effects) return;
  clearTimeout(timer);
  timer = setTimeout(tellEffects, PAUSE_MS);
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
  for (const row of list.children) row.append(mover(row, "up"), mover(row, "down"));
  renumber(list);
}

function mover(row, way) {
  const button = document.createElement("button");
  const up = way === "up";
  const name = () => row.querySelector("[name$=-name]").value;
  button.type = "button";
  button.className = "mover";
  button.textContent = up ? "↑" : "↓";
  button.addEventListener("focus", () => label(button, name(), up));
  label(button, name(), up);
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

function label(button, name, up) {
  const words = document.documentElement.lang === "hu" ? ["feljebb", "lejjebb"] : ["up", "down"];
  button.setAttribute("aria-label", `${name} ${words[up ? 0 : 1]}`.trim());
}

function renumber(list) {
  [...list.children].forEach((row, index) => {
    row.querySelector("[data-place]").value = index + 1;
  });
}
