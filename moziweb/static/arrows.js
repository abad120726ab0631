// The arrow keys turn the pages of the calendar, as its links to the earlier and later period do.
"use strict";

const RELATIONS = { ArrowLeft: "prev", ArrowRight: "next" };

document.addEventListener("keydown", (event) => {
  const relation = RELATIONS[event.key];
  const busy = event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
  // A field uses the arrows itself, and the strip of months scrolls with them.
  if (!relation || busy || event.target.closest("input, .months")) return;
  const link = document.querySelector(`.period-bar a[rel="${relation}"]`);
  if (link) location.assign(link.href);
});
