// Trailers: a click on a link opens the video in a dialog of the page. Before the click, nothing is requested
// from the host of the videos.
"use strict";

const dialog = document.createElement("dialog");
dialog.className = "trailer";

function play(link) {
  const frame = document.createElement("iframe");
  frame.src = link.dataset.player;
  frame.title = link.textContent.trim();
  frame.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
  frame.referrerPolicy = "strict-origin-when-cross-origin"; // the player refuses pages that send none
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button";
  close.textContent = link.dataset.close;
  close.addEventListener("click", () => dialog.close());
  dialog.setAttribute("aria-label", frame.title);
  // Attached before it gets the frame: a frame that is moved with the dialog loads the player twice.
  document.body.append(dialog);
  dialog.replaceChildren(frame, close);
  dialog.showModal();
  close.focus();
}

dialog.addEventListener("close", () => dialog.replaceChildren()); // ends the video
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // beside the video
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-player]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return; // these open the link elsewhere
  event.preventDefault();
  play(link);
});
