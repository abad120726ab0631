// A console: its numbers and charts as they are now, every few seconds, without a new page.
// Only parts that have changed are replaced, and none in which somebody is just about to press a key.

const EVERY_MS = 4000;
const BUSY = ":is(a, button, input, select):focus, :active";
const PLACES = "summary, [tabindex]"; // where the focus may stand meanwhile
const WATCHED_MS = 600000; // who has left the desk is not kept signed in by this
const SHARE = 4; // a page that takes a second to make is asked for once in four

function show(page) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const now = page.getElementById(part.id);
    if (!now || now.innerHTML === part.innerHTML || part.querySelector(BUSY)) continue;
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    const focused = [...part.querySelectorAll(PLACES)].indexOf(document.activeElement);
    part.replaceChildren(...document.adoptNode(now).childNodes);
    part.querySelectorAll("details").forEach((each, index) => { each.open = Boolean(open[index]); });
    if (focused >= 0) part.querySelectorAll(PLACES)[focused]?.focus({ preventScroll: true });
  }
}

// Where it is asked for; a form may have been sent to another address.
const ADDRESS = document.querySelector("[data-console]").dataset.console;

let until = performance.now() + WATCHED_MS;
for (const sign of ["pointermove", "keydown", "scroll"]) {
  addEventListener(sign, () => { until = performance.now() + WATCHED_MS; }, { passive: true });
}

async function look() {
  const began = performance.now();
  try {
    const answer = document.hidden || began > until
      ? null
      : await fetch(ADDRESS, { headers: { Accept: "text/html" } });
    if (answer) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // Signed out meanwhile: what stands here is the last that was seen.
      if (answer.redirected || !page.querySelector("[data-console]")) return;
      show(page);
    }
  } catch {
    // The network is away for a moment; the next look will tell.
  }
  setTimeout(look, Math.max(EVERY_MS, SHARE * (performance.now() - began)));
}

setTimeout(look, EVERY_MS);
