// The focal point of a poster: a click counts at any size of the picture, arrow keys move the marker by
// 1 % (with Shift by 10 %), Enter saves it.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function fields(element) {
  const focal = element.closest(".focal");
  return focal && { x: focal.querySelector("[name=x]"), y: focal.querySelector("[name=y]"), focal };
}

function move(element, x, y) {
  const found = fields(element);
  found.x.value = Math.min(100, Math.max(0, Math.round(x)));
  found.y.value = Math.min(100, Math.max(0, Math.round(y)));
  draw(found);
}

function draw({ x, y, focal }) {
  for (const circle of focal.querySelectorAll(".focal-mark circle")) {
    circle.setAttribute("cx", `${x.value || 0}%`);
    circle.setAttribute("cy", `${y.value || 0}%`);
  }
}

function reachable() {
  for (const spot of document.querySelectorAll(".spot")) spot.tabIndex = 0;
}

document.addEventListener("click", (event) => {
  if (!event.target.matches(".spot")) return;
  event.preventDefault();
  if (event.detail) { // not Enter, which has no place
    const box = event.target.getBoundingClientRect();
    const share = (at, start, length) => (100 * (at + 0.5 - start)) / length; // the middle of a pixel
    move(event.target, share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height));
  }
  fields(event.target).x.form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  const step = event.target.matches(".spot") && STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const { x, y } = fields(event.target);
  const by = event.shiftKey ? 10 : 1;
  move(event.target, Number(x.value) + by * step[0], Number(y.value) + by * step[1]);
});

document.addEventListener("input", (event) => {
  const found = fields(event.target);
  if (found) draw(found);
});

addEventListener("htmx:oobAfterSwap", reachable);
reachable();
