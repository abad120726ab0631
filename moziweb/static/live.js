// A page that htmx keeps as things are now (templates/manager/macros/live.jinja2): when it is not asked
// for, and what is left alone in it.

const BUSY = ":is(:is(a, button, input, select):focus, :active)";
const WATCHED_MS = 600000; // who has left the desk is not kept signed in by this
const SHARE = 4; // a page that takes a second to make is asked for once in four

let until = performance.now() + WATCHED_MS;
for (const sign of ["pointermove", "keydown", "scroll"]) {
  addEventListener(sign, () => { until = performance.now() + WATCHED_MS; }, { passive: true });
}

let began = 0;
let rest = 0;
addEventListener("htmx:beforeRequest", (event) => {
  began = performance.now();
  if (document.hidden || began > until || began < rest) event.preventDefault();
});
addEventListener("htmx:afterRequest", () => {
  rest = performance.now() + (SHARE - 1) * (performance.now() - began);
});

// A part in which somebody is just about to press a key waits, and is asked for until it has its turn.
addEventListener("htmx:oobBeforeSwap", ({ target, detail }) => {
  const place = target.id === "live" ? document.querySelector("main") : target;
  if (place.querySelector(`[data-part] ${BUSY}`)) detail.shouldSwap = false;
});

// What was opened stays open.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name) => name !== "open";
