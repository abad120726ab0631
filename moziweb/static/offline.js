// Registers the service worker, which shows saved pages without a connection.
"use strict";

addEventListener("load", () => {
  navigator.serviceWorker?.register("/service-worker.js").catch(() => {});
});
