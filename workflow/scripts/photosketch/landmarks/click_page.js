const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const words = data.landmarks.map((name) => ({
  left_eye: "left eye", right_eye: "right eye", nose: "tip of the nose",
  mouth_left: "left corner of the mouth", mouth_right: "right corner of the mouth" })[name]);
const COUNT = data.landmarks.length;
const [LEFT_EYE, RIGHT_EYE, , MOUTH_LEFT, MOUTH_RIGHT] = words.keys();
const ZOOM = 16; // canvas pixels of the loupe for a pixel of the picture, a smaller copy of a large image

// Points are [x, y] in pixels, pixel centres at integers; null where not placed yet.
const images = data.images.map((image) => ({
  ...image,
  initial: image.points,
  points: image.points ? image.points.map((point) => [...point]) : Array(COUNT).fill(null),
}));
let current = 0;      // the image shown
let selected = null;  // the point that arrow keys move
// The point being dragged: its index, its shift from the pointer, whether it has moved.
let dragged = null;
let mouse = null;     // where the loupe looks, in image pixels
let contrast = false; // show gray levels stretched to the full range
let saved = true;     // nothing has changed since the last download
const history = [];   // states before each change: [image, points, selected]

const isFull = (image) => image.points.every((point) => point !== null);
const isTouched = (image) => JSON.stringify(image.points)
  !== JSON.stringify(image.initial ?? Array(COUNT).fill(null));

function faults(image) {
  const found = [], at = image.points;
  const both = (a, b) => at[a] && at[b];
  if (both(LEFT_EYE, RIGHT_EYE) && at[LEFT_EYE][0] >= at[RIGHT_EYE][0])
    found.push("The left eye must be left of the right one, as you see it.");
  if (both(MOUTH_LEFT, MOUTH_RIGHT) && at[MOUTH_LEFT][0] >= at[MOUTH_RIGHT][0])
    found.push("The left corner of the mouth must be left of the right one, as you see it.");
  const eyes = [LEFT_EYE, RIGHT_EYE].filter((i) => at[i]).map((i) => at[i][1]);
  const mouth = [MOUTH_LEFT, MOUTH_RIGHT].filter((i) => at[i]).map((i) => at[i][1]);
  if (eyes.length && mouth.length && Math.max(...eyes) >= Math.min(...mouth))
    found.push("The eyes must be above the mouth.");
  return found;
}

function state(image) {
  const placed = image.points.filter((point) => point !== null).length;
  if (faults(image).length) return ["faulty", "check the points"];
  if (isFull(image) && isTouched(image)) return ["done", "placed by you"];
  if (isFull(image)) return ["", `points of ${image.source}`];
  return ["", placed ? `${placed} of ${COUNT} points` : "no points yet"];
}

function inside(image, [x, y]) {
  const clamp = (value, last) => Math.round(Math.min(Math.max(value, 0), last) * 10) / 10;
  return [clamp(x, image.width - 1), clamp(y, image.height - 1)];
}

function remember() {
  history.push([current, images[current].points.map((point) => point && [...point]), selected]);
  saved = false;
  element("message").textContent = "";
}

function wanted() {
  const free = images[current].points.indexOf(null);
  return free < 0 ? null : free;
}

function place(index, position) {
  images[current].points[index] = inside(images[current], position);
  selected = index;
}

function show(index) {
  current = Math.min(Math.max(index, 0), images.length - 1);
  selected = null;
  mouse = null;
  layOut();
  render();
}

// The picture as large as the stage allows; its view box counts image pixels, pixel centres at integers.
function layOut() {
  const image = images[current], stage = element("stage").getBoundingClientRect();
  const scale = Math.min(stage.width / image.width, stage.height / image.height);
  const picture = element("picture");
  picture.setAttribute("width", image.width * scale);
  picture.setAttribute("height", image.height * scale);
  picture.setAttribute("viewBox", `-0.5 -0.5 ${image.width} ${image.height}`);
  picture.dataset.scale = scale;
}

// The picture with its gray levels between the 1st and 99th percentile stretched to the full range.
function stretched(index) {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  canvas.width = thumbnails[index].naturalWidth;
  canvas.height = thumbnails[index].naturalHeight;
  pen.drawImage(thumbnails[index], 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height), values = pixels.data;
  const sorted = values.filter((_, i) => i % 4 === 1).sort(); // green stands for gray
  const low = sorted[Math.floor(sorted.length * 0.01)];
  const high = Math.max(sorted[Math.floor(sorted.length * 0.99)], low + 1);
  for (let i = 0; i < values.length; i++) // the array clamps to 0..255
    if (i % 4 !== 3) values[i] = (values[i] - low) * 255 / (high - low);
  pen.putImageData(pixels, 0, 0);
  return canvas.toDataURL();
}

function shownPicture() {
  const image = images[current];
  return contrast ? (image.stretched ??= stretched(current)) : image.picture;
}

function svg(name, attributes, parent) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

function renderPicture() {
  const image = images[current], picture = element("picture");
  const pixel = 1 / Number(picture.dataset.scale); // a pixel of the screen, in image pixels
  picture.replaceChildren();
  svg("image", { href: shownPicture(), x: -0.5, y: -0.5, width: image.width,
    height: image.height }, picture);
  for (const [index, point] of (image.hint ?? []).entries())
    if (!image.points[index])
      svg("circle", { class: "hint", cx: point[0], cy: point[1], r: 9 * pixel,
        "stroke-width": (index === wanted() ? 2.5 : 1.2) * pixel,
        "stroke-dasharray": `${2 * pixel} ${3 * pixel}` }, picture);
  for (const [index, point] of image.points.entries()) {
    if (!point) continue;
    const [x, y] = point, arm = 8 * pixel;
    const group = svg("g", { class: index === selected ? "selected" : "" }, picture);
    const lines = `M${x - arm} ${y}h${arm * 2}M${x} ${y - arm}v${arm * 2}`;
    svg("path", { class: "halo", d: lines, "stroke-width": 4 * pixel }, group);
    svg("path", { class: "cross", d: lines, "stroke-width": 1.6 * pixel }, group);
    svg("text", { x: x + 6 * pixel, y: y - 6 * pixel, "font-size": 14 * pixel,
      "stroke-width": 3 * pixel }, group).textContent = index + 1;
    svg("circle", { class: "ring", cx: x, cy: y, r: 12 * pixel, "data-point": index }, group);
  }
}

function renderLoupe() {
  const image = images[current], canvas = element("loupe"), pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const hint = wanted() !== null && image.hint ? image.hint[wanted()] : null;
  const chosen = selected !== null ? image.points[selected] : null;
  const centre = mouse ?? chosen ?? hint ?? [image.width / 2, image.height / 2];
  const zoom = ZOOM * (bitmap.naturalWidth || image.width) / image.width;
  const left = (px) => (px - centre[0]) * zoom + canvas.width / 2;
  const top = (py) => (py - centre[1]) * zoom + canvas.height / 2;
  if (bitmap.complete)
    pen.drawImage(bitmap, left(-0.5), top(-0.5), image.width * zoom, image.height * zoom);
  pen.lineWidth = 2;
  for (const [index, point] of image.points.entries()) {
    if (!point) continue;
    pen.strokeStyle = index === selected ? "#0063a3" : "#d6004b";
    pen.beginPath();
    pen.arc(left(point[0]), top(point[1]), 10, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.strokeStyle = "#d6004b";
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const sign of [-1, 1]) {
    pen.moveTo(canvas.width / 2 + sign * 12, canvas.height / 2);
    pen.lineTo(canvas.width / 2 + sign * 60, canvas.height / 2);
    pen.moveTo(canvas.width / 2, canvas.height / 2 + sign * 12);
    pen.lineTo(canvas.width / 2, canvas.height / 2 + sign * 60);
  }
  pen.stroke();
}

function render() {
  const image = images[current], next = wanted();
  const source = shownPicture();
  if (bitmap.src !== source) bitmap.src = source;
  renderPicture();
  renderLoupe();
  element("title").textContent = `${image.subset} ${image.id}, ${image.modality}`;
  element("title").title = image.file;
  const prompt = element("prompt");
  if (next !== null) {
    const name = document.createElement("b");
    name.textContent = words[next];
    prompt.replaceChildren("Click the ", name, ` (${next + 1} of ${COUNT})`);
  } else {
    const last = images.every((other) => isFull(other));
    prompt.textContent = last
      ? "All points are placed: drag to correct, then download the CSV."
      : "All five are placed: drag to correct, or go on to the next image.";
  }
  for (const [index, button] of [...element("points").querySelectorAll("button")].entries()) {
    const point = image.points[index];
    button.lastChild.textContent = point ? `${point[0].toFixed(1)}, ${point[1].toFixed(1)}` : "–";
    button.setAttribute("aria-pressed", index === (selected ?? next));
    button.disabled = !point;
  }
  element("faults").replaceChildren(...faults(image).map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  for (const [index, item] of [...element("images").children].entries()) {
    const [kind, text] = state(images[index]);
    item.className = kind;
    item.querySelector("small").textContent = (kind === "done" ? "✓ " : "") + text;
    item.firstChild.setAttribute("aria-current", index === current);
  }
  const full = images.filter(isFull).length, changed = images.filter(isTouched).length;
  element("progress").textContent = `${full} of ${images.length} image`
    + `${images.length === 1 ? " has its" : "s have their"} points`
    + (changed && !saved ? " (not downloaded yet)" : "");
  element("contrast").setAttribute("aria-pressed", contrast);
  element("undo").disabled = !history.length;
  element("clear").disabled = image.points.every((point) => !point);
  element("previous").disabled = current === 0;
  element("next").disabled = current === images.length - 1;
  element("next").classList.toggle("main", next === null && current < images.length - 1);
}

function positionOf(event) {
  const box = element("picture").getBoundingClientRect(), image = images[current];
  return [(event.clientX - box.left) * image.width / box.width - 0.5,
    (event.clientY - box.top) * image.height / box.height - 0.5];
}

function undo() {
  if (!history.length) return;
  const [index, points, which] = history.pop();
  if (index !== current) { current = index; layOut(); }
  images[index].points = points;
  selected = which;
  saved = false;
  render();
}

// Every manual row that was there, in its place, unless its image was clicked; then the new ones.
function csv() {
  const cell = (value) => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const key = (cells) => cells.slice(0, 3).join("\0");
  const fresh = new Map();
  for (const image of images)
    if (isFull(image) && isTouched(image))
      fresh.set(key([image.subset, image.id, image.modality]), [image.subset, image.id,
        image.modality, ...image.points.flat().map(String)]);
  const kept = [];
  for (const row of data.manualRows) {
    const own = key(row);
    if (!fresh.has(own)) kept.push(row);
    else if (fresh.get(own)) { kept.push(fresh.get(own)); fresh.set(own, null); }
    // else a second row of a clicked image, which the first one replaces
  }
  kept.push(...[...fresh.values()].filter((row) => row !== null));
  return [data.columns, ...kept].map((row) => row.map(cell).join(",") + "\n").join("");
}

function download() {
  const link = document.createElement("a");
  const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.href = address;
  link.download = data.manualFile.split(/[\\/]/).pop();
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  saved = true;
  const unfinished = images.filter((image) => !isFull(image)).length;
  const faulty = images.filter((image) => isFull(image) && faults(image).length).length;
  element("message").textContent = `Downloaded ${link.download}. Save it as ${data.manualFile} `
    + `${data.then}.`
    + (unfinished ? ` Left out: ${unfinished} without all five points.` : "")
    + (faulty ? ` ${faulty} will be refused: check the points marked red.` : "");
  render();
}

function toggleContrast() {
  contrast = !contrast;
  render();
}

const bitmap = new Image();
const thumbnails = [];
bitmap.onload = renderLoupe;
element("hinted").textContent = data.hinted;

for (const [index, image] of images.entries()) {
  const item = document.createElement("li"), button = document.createElement("button");
  const thumbnail = document.createElement("img"), text = document.createElement("span");
  const name = document.createElement("b"), status = document.createElement("small");
  thumbnail.src = image.picture;
  thumbnail.alt = "";
  thumbnails.push(thumbnail);
  name.textContent = `${image.subset} ${image.id}, ${image.modality}`;
  text.append(name, status);
  button.append(thumbnail, text);
  button.addEventListener("click", () => show(index));
  item.append(button);
  element("images").append(item);
}
for (const [index, name] of words.entries()) {
  const item = document.createElement("li"), button = document.createElement("button");
  const label = document.createElement("span"), value = document.createElement("span");
  label.textContent = `${index + 1}  ${name}`;
  button.append(label, value);
  button.addEventListener("click", () => { selected = index; mouse = null; render(); });
  item.append(button);
  element("points").append(item);
}

const picture = element("picture");
picture.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault();
  const hit = event.target.dataset.point, next = wanted();
  if (hit !== undefined) {
    selected = Number(hit);
    const at = images[current].points[selected], from = positionOf(event);
    dragged = { index: selected, shift: [at[0] - from[0], at[1] - from[1]], moved: false };
  } else if (next !== null) {
    remember();
    place(next, positionOf(event));
    dragged = { index: next, shift: [0, 0], moved: true }; // the click's own change is remembered
  } else return;
  picture.setPointerCapture(event.pointerId);
  mouse = images[current].points[selected];
  render();
});
picture.addEventListener("pointermove", (event) => {
  const position = positionOf(event);
  if (dragged) {
    if (!dragged.moved) { remember(); dragged.moved = true; }
    place(dragged.index, [position[0] + dragged.shift[0], position[1] + dragged.shift[1]]);
    mouse = images[current].points[dragged.index];
    render();
  } else {
    mouse = position;
    renderLoupe();
  }
});
for (const name of ["pointerup", "pointercancel"])
  picture.addEventListener(name, () => { dragged = null; render(); });
picture.addEventListener("pointerleave", () => { if (!dragged) { mouse = null; renderLoupe(); } });

document.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") undo();
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key in steps && selected !== null) {
    const size = event.shiftKey ? 0.1 : 1, step = steps[event.key];
    const at = images[current].points[selected];
    remember();
    place(selected, [at[0] + step[0] * size, at[1] + step[1] * size]);
    mouse = null;
    render();
  } else if (/^[1-5]$/.test(event.key) && images[current].points[event.key - 1]) {
    selected = event.key - 1;
    mouse = null;
    render();
  } else if (event.key.toLowerCase() === "c") toggleContrast();
  else if (event.key.toLowerCase() === "n") show(current + 1);
  else if (event.key.toLowerCase() === "p") show(current - 1);
  else return;
  event.preventDefault();
});
element("undo").addEventListener("click", undo);
element("contrast").addEventListener("click", toggleContrast);
element("clear").addEventListener("click", () => {
  remember();
  images[current].points = Array(COUNT).fill(null);
  selected = null;
  render();
});
element("previous").addEventListener("click", () => show(current - 1));
element("next").addEventListener("click", () => show(current + 1));
element("download").addEventListener("click", download);
new ResizeObserver(() => { layOut(); renderPicture(); }).observe(element("stage"));
window.addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });
show(0);
