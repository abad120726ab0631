// The upload form: accepts dropped files and checks their size before the upload.

const form = document.querySelector("form[data-drop]");
const input = form.querySelector("input[type=file]");

function check() {
  const file = input.files[0];
  const tooLarge = file && file.size > Number(input.dataset.most);
  input.setCustomValidity(tooLarge ? input.dataset.tooLarge : "");
  return input.reportValidity();
}

function take(event) {
  event.preventDefault();
  form.classList.remove("dropping");
  if (event.dataTransfer.files.length) {
    input.files = event.dataTransfer.files;
    if (check()) {
      form.requestSubmit(form.querySelector("[value=upload]"));
    }
  }
}

form.querySelector("[data-drop-hint]").hidden = false;
input.addEventListener("change", check);
form.addEventListener("dragover", (event) => {
  event.preventDefault();
  form.classList.add("dropping");
});
form.addEventListener("dragleave", () => form.classList.remove("dropping"));
form.addEventListener("drop", take);
