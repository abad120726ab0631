// Keyboard shortcuts: "/" focuses the search, Ctrl+Enter saves the movie's form.

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.select();
      search.focus();
    }
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const save = document.querySelector(".film-actions [value=save]");
    if (save) {
      event.preventDefault();
      save.form.requestSubmit(save);
    }
  }
});
