// The sign-in page: what the last user of the tab has typed (editing.js) is not for the next one.

sessionStorage.removeItem("sent");
