// Shows how far an import has come without a new page; when it is at rest, the page is asked anew.
"use strict";

const EVERY_MS = 1000;

async function look() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = page.querySelector("[data-progress]");
    if (!answer.ok || !now || now.dataset.progress === "off") {
      location.reload();
      return;
    }
    document.querySelector("[data-progress]").replaceWith(document.adoptNode(now));
  } catch {
    // The network is away for a moment; the next look will tell.
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
