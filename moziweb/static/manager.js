// The keys of the manager: "/" goes to the search, Ctrl+Enter sends the form that one is in.

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
