// Shows the last seen week and the watchlist offline. Online, every page comes from the network: a
// saved page is an answer only to a request that failed. Pages of the manager are not saved.
"use strict";

const CACHE = "moziweb-1";
const WEEK = /^(\/en)?\/(week\/\d{4}-W\d{2})?$/;
const WATCHLIST = /^(\/en)?\/watchlist$/;
const PRIVATE = /^(\/en)?\/(manager|__)/;
const FILES = /(?:href|src)="(\/static\/[^"]+\.(?:css|js|woff2)(?:\?[^"]*)?)"/g;
const HIDDEN_NOTE = '<p class="offline-note" role="status" hidden>';
const SAVED_TIME = '<span class="offline-time">';

// The URL under which a page is saved; "" if it is not. A page of films is that of a link, maybe of
// somebody else's list; the script of the watchlist fetches one's own.
function placeOf({ pathname, search }, isPage) {
  const language = pathname.startsWith("/en/") ? "/en" : "";
  if (WATCHLIST.test(pathname)) {
    return isPage && search ? "" : `/saved${language}/watchlist${search && "-films"}`;
  }
  return WEEK.test(pathname) && !search ? "/saved/week" : "";
}

// One at a time: each removes the files that no saved page has.
let saving = Promise.resolve();
function save(url, response, isPage) {
  saving = saving.then(() => savePage(url, response, isPage)).catch(() => {});
  return saving;
}

async function savePage(url, response, isPage) {
  const place = placeOf(url, isPage);
  if (!place || !response.ok || response.redirected || response.type !== "basic") return;
  if (/no-store/.test(response.headers.get("Cache-Control"))) return;
  const headers = new Headers(response.headers);
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  headers.set("X-Saved-Path", url.pathname + url.search);
  headers.set("X-Saved-Time", new Date().toISOString());
  const text = await response.text();
  const cache = await caches.open(CACHE);
  await saveFiles(cache, text);
  await cache.put(place, new Response(text, { headers }));
}

// Style sheets, scripts and the font of a page; those that no saved page has are removed.
async function saveFiles(cache, text) {
  const files = [...text.matchAll(FILES)].map((match) => match[1].replaceAll("&amp;", "&"));
  const known = await Promise.all(files.map((file) => cache.match(file)));
  const missing = files.filter((_, number) => !known[number]);
  if (!missing.length) return;
  await Promise.all(missing.map((file) => cache.add(file).catch(() => {})));
  const requests = await cache.keys();
  const isFile = ({ url }) => new URL(url).pathname.startsWith("/static/");
  const pages = await Promise.all(
    requests.filter((request) => !isFile(request)).map(async (request) => (await cache.match(request)).text()),
  );
  const used = [text, ...pages].join("");
  for (const request of requests.filter(isFile)) {
    const { pathname, search } = new URL(request.url);
    if (!used.includes(pathname + search)) await cache.delete(request);
  }
}

// The browser has sent the request of a navigation already, so the worker must use its answer.
async function load(event) {
  return (await event.preloadResponse) ?? fetch(event.request);
}

async function answer(event, url) {
  const isPage = event.request.mode === "navigate";
  try {
    const response = await load(event);
    event.waitUntil(save(url, response.clone(), isPage));
    return response;
  } catch (error) {
    const saved = await savedPage(url, isPage);
    if (saved) return saved;
    throw error;
  }
}

// The saved page of a URL; for any other page, a redirect to the last seen week. The films that the
// page of the watchlist asks for are the last that it showed.
async function savedPage(url, isPage) {
  const cache = await caches.open(CACHE);
  const place = placeOf(url, isPage);
  const saved = (place && (await cache.match(place))) || (isPage && (await cache.match("/saved/week")));
  if (!saved) return null;
  const path = saved.headers.get("X-Saved-Path");
  if (isPage && path !== url.pathname + url.search) return Response.redirect(path, 302);
  const language = url.pathname.startsWith("/en/") ? "en-GB" : "hu-HU";
  const format = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
  const time = format.format(new Date(saved.headers.get("X-Saved-Time")));
  const text = (await saved.text())
    .replace(HIDDEN_NOTE, HIDDEN_NOTE.replace(" hidden", ""))
    .replace(SAVED_TIME, () => SAVED_TIME + time);
  return new Response(text, { headers: saved.headers });
}

async function answerFile(event) {
  try {
    return await load(event);
  } catch (error) {
    const saved = await (await caches.open(CACHE)).match(event.request);
    if (saved) return saved;
    throw error;
  }
}

async function takeOver() {
  await self.registration.navigationPreload?.enable();
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
  await self.clients.claim();
  // The page that has registered the worker came before it.
  for (const client of await self.clients.matchAll({ type: "window" })) {
    const url = new URL(client.url);
    if (placeOf(url, true)) await fetch(url).then((response) => save(url, response, true)).catch(() => {});
  }
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  const isPage = request.mode === "navigate";
  if (PRIVATE.test(url.pathname)) {
    if (isPage) event.respondWith(load(event));
  } else if (url.pathname.startsWith("/static/")) event.respondWith(answerFile(event));
  else if (isPage || WATCHLIST.test(url.pathname)) event.respondWith(answer(event, url));
});
