// A week's grid as a sheet: keys between rows, cells pasted from a spreadsheet, posters matched by the names
// of their files.

const form = document.querySelector("[data-sheet]");
const body = form.querySelector("[data-sheet-rows]");
const status = form.querySelector("[data-sheet-status]");
const MOST = Number(status.dataset.most);

const cellsOf = (row) => [...row.querySelectorAll("[data-cell]")];

// A cell is being typed in after its first input; until then the arrow keys move between rows, as in a sheet.
let typing = null;
form.addEventListener("focusin", () => { typing = null; });
form.addEventListener("input", (event) => { typing = event.target; });

form.addEventListener("keydown", (event) => {
  const cell = event.target.closest("[data-cell]");
  if (!cell || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Enter") {
    event.preventDefault();
    move(cell, event.shiftKey ? -1 : 1);
  } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    // Suggestions are chosen by the arrow keys, too.
    if (cell.list && typing === cell) return;
    event.preventDefault();
    move(cell, event.key === "ArrowUp" ? -1 : 1);
  }
});

function move(cell, step) {
  const row = cell.closest("tr");
  const next = step < 0 ? row.previousElementSibling : row.nextElementSibling ?? addRow();
  const target = next && cellsOf(next)[cellsOf(row).indexOf(cell)];
  target?.focus();
  target?.select();
}

// An empty row, with the number of the row before plus one; null if there are too many.
function addRow() {
  const number = body.rows.length;
  if (number >= MOST) return null;
  const row = body.rows[number - 1].cloneNode(true);
  for (const part of row.querySelectorAll("input[type=hidden], .errors, .check, .sheet-film > *")) part.remove();
  row.querySelector(".sheet-reason").replaceChildren();
  row.querySelector("[id^=row-]").textContent = number + 1;
  for (const part of row.querySelectorAll("[id], [name], [aria-labelledby]")) {
    for (const name of ["id", "name", "aria-labelledby"]) {
      const value = part.getAttribute(name);
      if (value) part.setAttribute(name, value.replace(/\b(rows?-)[0-9]+/, `$1${number}`));
    }
  }
  for (const cell of cellsOf(row)) {
    cell.value = "";
    cell.removeAttribute("value");
    cell.removeAttribute("aria-invalid");
    cell.removeAttribute("aria-describedby");
  }
  body.append(row);
  return row;
}

// Before a table that was sent is filled again (editing.js): as many rows as it had.
form.addEventListener("restore", ({ detail }) => {
  const rows = detail.filter(([name]) => /^rows-[0-9]+-title$/.test(name)).length;
  while (body.rows.length < rows && addRow());
});

form.querySelector("[data-more]").addEventListener("click", (event) => {
  event.preventDefault();
  const first = addRow();
  for (let count = 1; count < 12; count += 1) addRow();
  if (first) cellsOf(first)[0].focus();
});

// Cells of a spreadsheet are lines of texts with tabs; a cell with a tab, a line break or a doubled quote is
// quoted. Any other quote is a part of the text: Excel copies "Hamlet" with its quotes.
const CELL = /"((?:[^"]|"")*)"(?=[\t\n]|$)|[^\t\n]*/y;

function parse(copied) {
  const text = copied.replace(/\r\n?/g, "\n");
  const rows = [[]];
  CELL.lastIndex = 0;
  for (;;) {
    const [whole, quoted = ""] = CELL.exec(text);
    rows.at(-1).push(/[\t\n]|""/.test(quoted) ? quoted.replaceAll('""', '"') : whole);
    if (CELL.lastIndex >= text.length) break;
    if (text[CELL.lastIndex] === "\n") rows.push([]);
    CELL.lastIndex += 1;
  }
  if (rows.at(-1).every((cell) => cell === "")) rows.pop();
  return rows;
}

// The cells of the last paste, each with its former text and the pasted one.
let replaced = [];
let pasted = false; // nothing was typed since
form.addEventListener("input", (event) => { if (event.isTrusted) pasted = false; });

form.addEventListener("paste", (event) => {
  const cell = event.target.closest("[data-cell]");
  const text = event.clipboardData.getData("text/plain");
  if (!cell || !/[\t\n]/.test(text.replace(/[\r\n]+$/, ""))) return;
  event.preventDefault();
  const lines = parse(text);
  const column = cellsOf(cell.closest("tr")).indexOf(cell);
  let row = cell.closest("tr");
  let done = 0;
  let cut = 0;
  replaced = [];
  for (const line of lines) {
    if (!row) break;
    const cells = cellsOf(row).slice(column);
    line.map((value) => value.replace(/\s+/g, " ").trim()).forEach((value, index) => {
      if (cells[index]) {
        replaced.push([cells[index], cells[index].value, value]);
        cells[index].value = value;
      } else if (value) cut += 1;
    });
    done += 1;
    row = row.nextElementSibling ?? (done < lines.length ? addRow() : null);
  }
  const left = lines.length - done;
  status.textContent = status.dataset.pasted.replace("{rows}", done)
    + (left ? ` ${status.dataset.leftOut.replace("{rows}", left)}` : "")
    + (cut ? ` ${status.dataset.cutOff.replace("{cells}", cut)}` : "");
  undo.hidden = false;
  pasted = true;
  cell.dispatchEvent(new Event("input", { bubbles: true }));
});

// Browsers undo what is typed in a cell, but not what a script sets.
const undo = form.querySelector("[data-undo-paste]");

function undoPaste() {
  for (const [cell, former, text] of replaced) if (cell.value === text) cell.value = former;
  status.textContent = status.dataset.undone;
  undo.hidden = true;
  pasted = false;
  const [first] = replaced[0];
  first.focus();
  first.dispatchEvent(new Event("input", { bubbles: true }));
}

undo.querySelector("button").addEventListener("click", undoPaste);
form.addEventListener("keydown", (event) => {
  if (!pasted || event.key.toLowerCase() !== "z" || event.shiftKey || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  undoPaste();
});

// Posters.

const posters = document.querySelector("[data-posters]");
if (posters) {
  const many = posters.querySelector("#many");
  const report = posters.querySelector("[data-posters-status]");
  const inputs = [...posters.querySelectorAll("[name^=picture-]")];
  posters.querySelector("[data-drop-posters]").hidden = false;

  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  const titlesOf = (input) => input.dataset.titles.split("|").map(plain).filter(Boolean);

  // The film with the longest title that is in the name of the file, as whole words.
  const filmOf = (file) => {
    const name = ` ${plain(file.name.replace(/\.\w+$/, ""))} `;
    const found = inputs.flatMap((input) => titlesOf(input)
      .filter((title) => name.includes(` ${title} `))
      .map((title) => ({ input, length: title.length })));
    return found.sort((one, other) => other.length - one.length)[0]?.input;
  };

  const take = (files) => {
    const left = { unmatched: [], second: [] };
    const taken = new Set();
    for (const file of files) {
      const input = filmOf(file);
      if (!input) left.unmatched.push(file.name);
      else if (taken.has(input)) left.second.push(file.name);
      else {
        const transfer = new DataTransfer();
        transfer.items.add(file);
        input.files = transfer.files;
        showError(input, sizeError(file));
        taken.add(input);
      }
    }
    report.textContent = Object.entries(left).filter(([, names]) => names.length)
      .map(([reason, names]) => `${report.dataset[reason]} ${names.join(", ")}.`).join(" ");
  };

  many.addEventListener("change", () => { take(many.files); many.value = ""; });
  posters.addEventListener("dragover", (event) => { event.preventDefault(); posters.classList.add("dropping"); });
  posters.addEventListener("dragleave", () => posters.classList.remove("dropping"));
  posters.addEventListener("drop", (event) => {
    event.preventDefault();
    posters.classList.remove("dropping");
    take(event.dataTransfer.files);
  });

  // The error of a file, at its film; "" hides it.
  const showError = (input, text) => {
    const list = document.getElementById(`${input.id}-errors`);
    list.replaceChildren();
    list.hidden = !text;
    if (text) {
      const item = document.createElement("li");
      item.textContent = text;
      list.append(item);
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", list.id);
    } else {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
  };

  const sizeError = (file) => (
    file && file.size > Number(posters.dataset.most) ? `${file.name}: ${posters.dataset.tooLarge}` : ""
  );
  for (const input of inputs) {
    input.addEventListener("change", () => showError(input, sizeError(input.files[0])));
  }

  // One request for each file, with a token of its own: together they may be larger than what the server
  // accepts, and each can be sent again.
  const send = async (input) => {
    const tooLarge = sizeError(input.files[0]);
    if (tooLarge) return tooLarge;
    const fields = new FormData();
    fields.append("csrf_token", posters.elements.csrf_token.value);
    fields.append("submission", input.dataset.submission);
    fields.append(input.name, input.files[0]);
    const answer = await fetch(posters.action, { method: "POST", body: fields, redirect: "manual" });
    if (answer.type === "opaqueredirect") return "";
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector(".problem li")?.textContent
      || page.querySelector(".problem")?.textContent || posters.dataset.failed;
  };

  const chosen = () => inputs.filter((input) => input.files.length);

  // Whether all chosen files are saved; the first wrong one has the focus.
  const sendAll = async () => {
    let wrong = null;
    for (const input of chosen()) {
      const problem = await send(input).catch(() => posters.dataset.failed);
      showError(input, problem);
      if (problem) wrong ??= input;
      else input.value = "";
    }
    wrong?.focus();
    return !wrong;
  };

  const save = async (event, then) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (posters.dataset.busy) return;
    posters.dataset.busy = "1";
    const isSaved = await sendAll();
    delete posters.dataset.busy;
    if (isSaved) then();
  };

  // Cells that are not saved stay on the page.
  const isTyped = () => "unsaved" in form.dataset
    || cellsOf(body).some((cell) => cell.value !== cell.defaultValue);

  posters.addEventListener("submit", (event) => {
    if (!chosen().length) return;
    save(event, () => {
      if (isTyped()) report.textContent = posters.dataset.saved;
      else location.assign(`${location.pathname}?done=posters-added`);
    });
  });

  // Saving the table also saves the files, before the page is left.
  form.addEventListener("submit", (event) => {
    const { submitter } = event;
    if (!chosen().length || submitter?.value !== "save") return;
    save(event, () => {
      if (isTyped()) form.requestSubmit(submitter);
      else location.assign(`${location.pathname}?done=posters-added`);
    });
  }, { capture: true });

  addEventListener("beforeunload", (event) => { if (chosen().length) event.preventDefault(); });
}
