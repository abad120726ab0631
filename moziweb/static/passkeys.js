// Passkeys: asks the browser for one, or for a new one, and submits its answer with the form. A part
// with data-passkey stays hidden where the browser has no passkeys.

const api = window.PublicKeyCredential;
const isSupported = api?.parseRequestOptionsFromJSON && api.parseCreationOptionsFromJSON;

async function credentialFor(part, form) {
  const response = await fetch(part.dataset.options, {
    method: "POST",
    headers: { "X-CSRF-Token": form.elements.csrf_token.value },
  });
  if (!response.ok) throw new Error(`${response.status}`);
  const options = await response.json();
  return part.dataset.passkey === "create"
    ? navigator.credentials.create({ publicKey: api.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: api.parseRequestOptionsFromJSON(options) });
}

async function send(part, button) {
  const { form } = button;
  const problem = part.querySelector("[role=alert]");
  if (part.dataset.passkey === "create" && !form.reportValidity()) return;
  problem.hidden = true;
  button.disabled = true;
  try {
    form.elements.credential.value = JSON.stringify(await credentialFor(part, form));
    form.action = part.dataset.action;
    form.submit();
  } catch { // refused by the user, by the browser or by the server
    problem.hidden = false;
    button.disabled = false;
  }
}

if (isSupported) {
  for (const part of document.querySelectorAll("[data-passkey]")) {
    const button = part.querySelector("button");
    button.addEventListener("click", () => send(part, button));
    if (part.dataset.passkey === "create") {
      button.form.addEventListener("submit", (event) => {
        event.preventDefault();
        send(part, button);
      });
    }
    part.hidden = false;
  }
}
