// Polling by htmx (templates/manager/macros/live.jinja2): when it pauses, and which elements it does not
// update.

const BUSY = ":is(:is(a, button, input, select):focus, :active)";
const WATCHED_MS = 600000; // without input, polling stops, so that the session can expire
const SHARE = 4; // polling takes at most a quarter of the time

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
addEventListener("htmx:afterRequest", ({ detail }) => {
  rest = performance.now() + (SHARE - 1) * (performance.now() - began);
  // A second reload would stop the first one, or replace the page that it has shown.
  if (detail.xhr.getResponseHeader("HX-Refresh")) rest = Infinity;
});

// Do not update a part that has the focus or is being clicked; the next poll tries again.
addEventListener("htmx:oobBeforeSwap", ({ target, detail }) => {
  const place = target.id === "live" ? document.querySelector("main") : target;
  if (place.querySelector(`[data-part] ${BUSY}`)) detail.shouldSwap = false;
});

// Keep opened details open.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name) => name !== "open";
