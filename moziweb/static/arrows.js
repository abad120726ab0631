// The left and right arrow keys follow the links to the previous and next period, or movie.
"use strict";

const RELATIONS = { ArrowLeft: "prev", ArrowRight: "next" };

document.addEventListener("keydown", (event) => {
  const relation = RELATIONS[event.key];
  const busy = event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
  // Fields, lists of choices and the scrollable list of months use the arrow keys themselves.
  if (!relation || busy || event.target.closest("input, select, .months, dialog")) return;
  const link = document.querySelector(`:is(.period-bar, .film-neighbours) a[rel="${relation}"]`);
  if (link) location.assign(link.href);
});
