// Suggestions while typing: the "editable combobox with list autocomplete" of the ARIA Authoring
// Practices (https://www.w3.org/WAI/ARIA/apg/patterns/combobox/). The focus stays in the field;
// aria-activedescendant names the active suggestion. Without this script the form works as before.
//
// data-suggest has the address of the suggestions. On a form, they are links. On a field, the chosen one
// becomes its text, and its id the value of the hidden field before it whose name is in data-suggest-id.
"use strict";

const PAUSE_MS = 120;
const MIN_LETTERS = 2;

const shared = document.createElement("p");
shared.className = "visually-hidden";
shared.setAttribute("role", "status");

function attach(host, number) {
  const isForm = host.matches("form");
  const field = isForm ? host.querySelector("input") : host;
  const id = host.dataset.suggestId && host.form.elements[host.dataset.suggestId];
  const suffix = number ? `-${number}` : "";
  const list = document.createElement("div");
  const known = new Map();
  let active = -1;
  let timer = 0;
  let pending = null;
  let shownFor = "";
  let choosing = false;

  list.id = `suggestions${suffix}`;
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", host.dataset.label);
  (isForm ? host : field.parentElement).append(list);
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("list"); // the browser's own suggestions

  function typed() {
    return field.value.trim().replace(/\s+/g, " ").toLowerCase();
  }

  function setActive(index) {
    active = index;
    [...list.children].forEach((option, place) => {
      option.setAttribute("aria-selected", String(place === index));
    });
    const option = list.children[index];
    if (option) {
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  }

  function close() {
    clearTimeout(timer);
    if (pending) pending.abort();
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    setActive(-1);
  }

  function choose(item) {
    choosing = true;
    field.value = item.text;
    if (id) id.value = item.id;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    choosing = false;
    close();
  }

  function show({ items, status: text }) {
    list.replaceChildren(
      ...items.map((item, index) => {
        const option = document.createElement(item.href ? "a" : "div");
        const note = document.createElement("span");
        option.id = `suggestion${suffix}-${index}`;
        if (item.href) option.href = item.href;
        else option.addEventListener("click", () => choose(item));
        option.tabIndex = -1;
        option.setAttribute("role", "option");
        note.className = "suggestion-note";
        note.textContent = item.note;
        option.append(item.text, " ", note);
        return option;
      }),
    );
    list.hidden = items.length === 0;
    field.setAttribute("aria-expanded", String(items.length > 0));
    setActive(-1);
    shared.textContent = text;
  }

  async function load() {
    const text = typed();
    if (text.length < MIN_LETTERS) return;
    if (pending) pending.abort();
    if (!known.has(text)) {
      pending = new AbortController();
      try {
        const url = new URL(host.dataset.suggest, location);
        url.searchParams.set("q", text);
        const answer = await fetch(url, { signal: pending.signal });
        if (!answer.ok) return;
        known.set(text, await answer.json());
      } catch {
        return; // aborted by the next letter, offline, or signed out: the form still works
      }
    }
    if (text !== typed() || document.activeElement !== field) return;
    shownFor = text;
    show(known.get(text));
  }

  field.addEventListener("input", () => {
    if (choosing) return;
    if (typed().length < MIN_LETTERS) {
      close();
      shared.textContent = "";
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(load, PAUSE_MS);
  });

  function move(step) {
    if (list.hidden) {
      if (shownFor === typed() && list.children.length) show(known.get(shownFor));
      else return void load();
    }
    // The field itself is between the last suggestion and the first one.
    const places = list.children.length + 1;
    setActive(((active + 1 + step + places) % places) - 1);
  }

  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (event.altKey && event.key === "ArrowUp") close();
      else move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      list.children[active].click();
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault(); // the field keeps its text; the next Escape clears it
      close();
    } else if (event.key === "Tab") {
      close();
    }
  });

  // A press on a suggestion must not take the focus, which would close the list before the click.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  field.addEventListener("blur", close);

  // Screen readers announce a change of a status that was there before.
  if (isForm) host.append(shared);
  else field.addEventListener("focus", () => field.form.append(shared), { once: true });
}

document.querySelectorAll("[data-suggest]").forEach(attach);
