// A film's posters: a file may be dropped, its size is told at once, and progress is shown live.

const EVERY_MS = 1500;
const LOOKS = 400; // ten minutes: what is not done by then waits for something else

const form = document.querySelector("form[data-drop]");
const input = form.querySelector("input[type=file]");

function check() {
  const file = input.files[0];
  const tooLarge = file && file.size > Number(input.dataset.most);
  input.setCustomValidity(tooLarge ? input.dataset.tooLarge : "");
  return input.reportValidity();
}

function take(event) {
  event.preventDefault();
  form.classList.remove("dropping");
  if (event.dataTransfer.files.length) {
    input.files = event.dataTransfer.files;
    if (check()) {
      form.requestSubmit(form.querySelector("[value=upload]"));
    }
  }
}

form.querySelector("[data-drop-hint]").hidden = false;
input.addEventListener("change", check);
form.addEventListener("dragover", (event) => {
  event.preventDefault();
  form.classList.add("dropping");
});
form.addEventListener("dragleave", () => form.classList.remove("dropping"));
form.addEventListener("drop", take);

// Only what tells of states is replaced: what is typed, ticked or opened elsewhere stays as it is, and
// whoever stands on a control that is replaced goes on standing there.
function show(page) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const now = page.getElementById(part.id);
    if (now && now.innerHTML !== part.innerHTML) {
      const open = part.querySelector("details")?.open;
      const place = controls(part).indexOf(document.activeElement);
      part.replaceChildren(...document.adoptNode(now).childNodes);
      part.querySelector("details")?.toggleAttribute("open", Boolean(open));
      if (place >= 0) {
        controls(part).at(Math.min(place, controls(part).length - 1))?.focus();
      }
    }
  }
}

function controls(part) {
  return [...part.querySelectorAll("summary, a, button, input:not([type=hidden])")];
}

async function look(left) {
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const live = page.querySelector("[data-live]");
    if (!answer.ok || !live) {
      return;
    }
    show(page);
    if (live.dataset.live === "off") {
      return;
    }
  } catch {
    // The network is away for a moment; the next look will tell.
  }
  if (left > 0) {
    setTimeout(look, EVERY_MS, left - 1);
  }
}

if (document.querySelector("[data-live=on]")) {
  setTimeout(look, EVERY_MS, LOOKS);
}
