// The watchlist: hearts of movies, and the page of the list. The list is in localStorage.
"use strict";

(() => {
  const { list, label, since, changes, full, unsaved, failed } = document.currentScript.dataset;
  const KEY = "watchlist";
  const MOST = 300;
  const MOVIE = /\/movie\/(\d+)-[^/]*$/;

  // {"12": "2026-12-03"}: ids, each with the premiere that the page of the list showed last.
  function read() {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
      return found && typeof found === "object" && !Array.isArray(found) ? found : {};
    } catch {
      return {};
    }
  }

  // False if the browser stores nothing.
  function write(movies) {
    try {
      localStorage.setItem(KEY, JSON.stringify(movies));
      return true;
    } catch {
      return false;
    }
  }

  const ids = (movies) => Object.keys(movies).filter((id) => /^[1-9]\d*$/.test(id)).sort((a, b) => a - b);

  function add(movies, id) {
    if (id in movies || ids(movies).length >= MOST) return id in movies;
    movies[id] = "";
    return true;
  }

  function toggle(button) {
    const movies = read();
    const id = button.dataset.movie;
    if (id in movies) {
      delete movies[id];
    } else if (!add(movies, id)) {
      announce(full);
      return;
    }
    if (!write(movies)) {
      announce(unsaved);
      return;
    }
    show();
    clearTimeout(saving);
    saving = setTimeout(saveOffline, 1000);
  }

  // The service worker saves what it sees.
  let saving;
  function saveOffline() {
    const own = ids(read());
    if (!navigator.serviceWorker?.controller || !own.length) return;
    for (const url of [list, `${list}?m=${own.join(".")}`]) fetch(url).catch(() => {});
  }

  function announce(text) {
    let note = document.querySelector(".heart-note");
    if (!note) {
      note = document.createElement("p");
      note.className = "heart-note";
      note.role = "status";
      document.body.append(note);
    }
    note.textContent = text;
  }

  // Buttons and the number in the masthead show the list.
  function show() {
    const movies = read();
    for (const button of document.querySelectorAll("[data-movie]")) {
      button.ariaPressed = String(button.dataset.movie in movies);
    }
    const number = document.querySelector(".to-watchlist-number");
    if (number) number.textContent = ids(movies).length || "";
  }

  function addHearts() {
    const icon = document.querySelector(".to-watchlist .icon");
    for (const film of document.querySelectorAll(".film:not(:has(.heart))")) {
      const link = film.querySelector(".movie");
      const id = link && MOVIE.exec(link.pathname)?.[1];
      if (!id) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "heart";
      button.dataset.movie = id;
      button.ariaLabel = `${label} ${link.querySelector(".item-title").textContent}`;
      button.append(icon.cloneNode(true));
      film.append(button);
    }
    show();
  }

  // What the page of the list shows of a movie's premiere.
  function stateOf(film) {
    const day = film.querySelector("time")?.dateTime ?? "?";
    return film.querySelector(".flag-cancelled") ? `${day} cancelled` : day;
  }

  function flagsOf(film) {
    const found = film.querySelector(".film-flags");
    if (found) return found;
    const made = document.createElement("span");
    made.className = "film-flags";
    film.querySelector(".film-facts").before(made);
    return made;
  }

  function markChanges(part) {
    const movies = read();
    let number = 0;
    for (const film of part.querySelectorAll(".film")) {
      const id = film.querySelector("[data-movie]")?.dataset.movie;
      const state = stateOf(film);
      if (!(id in movies)) continue;
      if (movies[id] && movies[id] !== state) {
        const flag = document.createElement("span");
        flag.className = "flag flag-since";
        flag.textContent = since;
        flagsOf(film).prepend(flag);
        number += 1;
      }
      movies[id] = state;
    }
    write(movies);
    if (number) part.querySelector(".watchlist-news").textContent = `${changes} ${number}`;
  }

  function offerImport(part, shown) {
    const movies = read();
    const missing = shown.filter((id) => !(id in movies));
    const place = part.querySelector(".watchlist-import");
    place.hidden = !missing.length;
    place.querySelector("button").onclick = () => {
      if (!missing.every((id) => add(movies, id))) announce(full);
      if (write(movies)) location.assign(list);
      else announce(unsaved);
    };
  }

  async function fillOwnList(part) {
    const own = ids(read());
    if (!own.length) {
      part.querySelector(".watchlist-empty").hidden = false;
      return;
    }
    const answer = await fetch(`${list}?m=${own.slice(0, MOST).join(".")}`);
    if (!answer.ok) throw new Error(`${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    removeOthers(page, own);
    if (!page.querySelector(".watchlist").dataset.ids) throw new Error("not saved");
    document.querySelector("main").replaceWith(page.querySelector("main"));
    dispatchEvent(new Event("cards"));
    addHearts();
    showList();
  }

  // Offline, the page is the last that was saved: films may have left the list since.
  function removeOthers(page, own) {
    const part = page.querySelector(".watchlist");
    const shown = part.dataset.ids.split(".");
    part.dataset.ids = shown.filter((id) => own.includes(id)).join(".");
    for (const film of part.querySelectorAll(".film")) {
      const id = MOVIE.exec(film.querySelector(".movie")?.getAttribute("href") ?? "")?.[1];
      if (id && !own.includes(id)) (film.closest("li") ?? film).remove();
    }
    for (const section of part.querySelectorAll("section:not(:has(.film))")) section.remove();
  }

  function showList() {
    const part = document.querySelector(".watchlist");
    if (!part) return;
    const shown = part.dataset.ids.split(".").filter(Boolean);
    if (!shown.length) {
      fillOwnList(part).catch(() => announce(failed));
      return;
    }
    offerImport(part, shown);
    if (shown.join(".") === ids(read()).join(".")) markChanges(part);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-movie]");
    if (button) toggle(button);
  });
  addEventListener("storage", show);
  addEventListener("pageshow", (event) => { if (event.persisted) show(); });
  addHearts();
  showList();
})();
