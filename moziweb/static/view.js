// Shows cards as posters or as a list, and remembers the choice. Runs in the head, before the first
// paint. Posters are a style sheet of their own, so a list is the page without it.
"use strict";

(() => {
  const posters = document.getElementById("poster-view");
  let view = "posters";

  function remembered() {
    try {
      return localStorage.getItem("view") === "list" ? "list" : "posters";
    } catch {
      return view; // the browser forbids storage
    }
  }

  function remember(chosen) {
    view = chosen;
    try {
      localStorage.setItem("view", chosen);
    } catch {
      // the choice holds for this page
    }
  }

  function show() {
    view = remembered();
    posters.media = view === "list" ? "not all" : "screen";
    for (const button of document.querySelectorAll("button[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
  }

  show();
  document.addEventListener("DOMContentLoaded", show);
  addEventListener("pageshow", show); // the page may come from the back/forward cache
  addEventListener("cards", show); // watchlist.js has replaced the page's content
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-view]");
    if (!button) return;
    remember(button.dataset.view);
    show();
  });
})();
