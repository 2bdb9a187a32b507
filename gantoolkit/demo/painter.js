// The painter's canvas. In scope: element (its HTML), props.value (the drawing as data URI), watch.
const canvas = element.querySelector("canvas");
const context = canvas.getContext("2d", { willReadFrequently: true });
const mask = element.querySelector(".gt-painter").dataset.kind === "mask";
const side = canvas.width, past = [];
let tool = mask ? "brush" : "pen", last = null, shown = null;

const pressed = (selector) => element.querySelector(`${selector}[aria-pressed=true]`);
const radius = () => Number(element.querySelector("[data-size]").value) / 2;
const symmetric = () => element.querySelector("[data-symmetric]").checked;
const color = (mirrored) => { // on the other side a left eye is a right one
  if (!mask) return tool === "eraser" ? [0, 0, 0] : [255, 255, 255];
  const { color, mirrored: other } = pressed("[data-color]").dataset;
  return (mirrored ? other : color).split(",").map(Number);
};
const press = (button, selector) => {
  element.querySelectorAll(selector).forEach((other) => other.setAttribute("aria-pressed", other === button));
};

function remember() {
  past.push(context.getImageData(0, 0, side, side));
  if (past.length > 40) past.shift();
}

function hand() { // the drawing becomes the component's value
  shown = canvas.toDataURL("image/png");
  props.value = shown;
}

function load(uri) { // a drawing that came from the server
  shown = uri;
  const picture = new Image();
  picture.onload = () => {
    remember();
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, 0, 0, side, side);
    canvas.dataset.loaded = "true";
  };
  picture.src = uri;
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * side, (event.clientY - box.top) / box.height * side];
}

function stroke(from, to) {
  disc_line(from, to, color(false));
  if (symmetric()) disc_line([side - from[0], from[1]], [side - to[0], to[1]], color(true));
}

function disc_line(from, to, [r, g, b]) { // hard-edged discs: a label map has no half-tones
  const size = Math.max(radius(), 0.75);
  const image = context.getImageData(0, 0, side, side), pixels = image.data;
  const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / Math.max(size / 2, 0.5)));
  for (let s = 0; s <= steps; s++) {
    const x = from[0] + (to[0] - from[0]) * s / steps, y = from[1] + (to[1] - from[1]) * s / steps;
    const top = Math.max(0, Math.floor(y - size)), bottom = Math.min(side - 1, Math.ceil(y + size));
    for (let v = top; v <= bottom; v++) {
      for (let u = Math.max(0, Math.floor(x - size)); u <= Math.min(side - 1, Math.ceil(x + size)); u++) {
        if ((u + 0.5 - x) ** 2 + (v + 0.5 - y) ** 2 <= size * size) pixels.set([r, g, b, 255], 4 * (v * side + u));
      }
    }
  }
  context.putImageData(image, 0, 0);
}

function fill(at) {
  fill_region(at, color(false));
  if (symmetric()) fill_region([side - 1e-3 - at[0], at[1]], color(true));
}

function fill_region(at, [r, g, b]) { // the connected region of one color
  const image = context.getImageData(0, 0, side, side), pixels = new Uint32Array(image.data.buffer);
  const start = Math.floor(at[1]) * side + Math.floor(at[0]), old = pixels[start];
  const fresh = new Uint32Array(new Uint8ClampedArray([r, g, b, 255]).buffer)[0];
  if (old === fresh) return;
  const todo = [start];
  while (todo.length) {
    const i = todo.pop();
    if (pixels[i] !== old) continue;
    pixels[i] = fresh;
    if (i % side) todo.push(i - 1);
    if ((i + 1) % side) todo.push(i + 1);
    if (i >= side) todo.push(i - side);
    if (i < side * (side - 1)) todo.push(i + side);
  }
  context.putImageData(image, 0, 0);
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  event.preventDefault();
  remember();
  const at = place(event);
  if (tool === "fill") { fill(at); hand(); return; }
  canvas.setPointerCapture(event.pointerId);
  last = at;
  stroke(at, at);
});
canvas.addEventListener("pointermove", (event) => {
  if (!last) return;
  const at = place(event);
  stroke(last, at);
  last = at;
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => { if (last) { last = null; hand(); } });
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.color) press(button, "[data-color]");
  if (button.dataset.tool) { tool = button.dataset.tool; press(button, "[data-tool]"); }
  if (button.dataset.do === "undo" && past.length) { context.putImageData(past.pop(), 0, 0); hand(); }
  if (button.dataset.do === "save") { // a file that the upload button takes again
    const link = document.createElement("a");
    link.download = mask ? "mask.png" : "scribble.png";
    link.href = canvas.toDataURL("image/png");
    link.click();
  }
  if (button.dataset.do === "clear") {
    remember();
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    hand();
  }
});

context.fillRect(0, 0, side, side);
if (props.value) load(props.value);
watch("value", () => { if (props.value && props.value !== shown) load(props.value); });
