// What was found, drawn on the picture: boxes and labels in the frame of the upright image, masks tinted.

const SVG = "http://www.w3.org/2000/svg";
const MASK_ALPHA = 0.55;
const MAX_MASK_SIDE = 900;

// Hues far apart from one another; things of one label share one colour.
const PALETTE = ["#f97316", "#0ea5e9", "#84cc16", "#ec4899", "#eab308", "#a78bfa", "#14b8a6", "#f87171", "#818cf8", "#22c55e"];

export function colours(items) {
  const labels = [...new Set(items.map((item) => item.label))];
  return items.map((item) => PALETTE[labels.indexOf(item.label) % PALETTE.length]);
}

// Draws one result's items into `layer`, an element that lies exactly over the picture, in the upright frame or in that
// of the file as it is stored. Items in `hidden` (their indexes) are left out. Returns nothing.
export function drawOverlay(layer, result, { stored = false, hidden = new Set() } = {}) {
  layer.replaceChildren();
  if (!result?.image) return;
  const tints = colours(result.items);
  const [width, height] = sizeIn(result.image, stored);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  layer.append(svg);
  result.items.forEach((item, index) => {
    const box = boxIn(item, stored);
    if (!box || hidden.has(index)) return;
    svg.append(boxOf(box, index, tints[index]));
    layer.append(labelOf(item, box, index, tints[index], width, height));
    if (item.mask) layer.prepend(maskOf(item, box, index, tints[index], result.image, stored));
  });
}

// Width and height of a picture in a frame: a file can store it lying on its side.
export function sizeIn(image, stored) {
  return stored && image.orientation > 4 ? [image.height, image.width] : [image.width, image.height];
}

export const boxIn = (item, stored) => (stored ? (item.stored_box ?? item.box) : item.box);

// The index of the item at a point (0 to 1 of the frame), or null: the smallest of those whose mask, or else whose box,
// is there.
export function itemAt(layer, result, x, y, { stored = false, hidden = new Set() } = {}) {
  if (!result?.image) return null;
  const [width, height] = sizeIn(result.image, stored);
  const found = result.items
    .map((item, index) => ({ index, box: boxIn(item, stored) }))
    .filter(({ index, box }) => box && !hidden.has(index) && inside(box, x * width, y * height))
    .map(({ index, box }) => ({ index, area: (box[2] - box[0]) * (box[3] - box[1]), onMask: masked(layer, index, box, x * width, y * height) }))
    .filter(({ onMask }) => onMask !== false);
  return found.sort((one, other) => one.area - other.area)[0]?.index ?? null;
}

const inside = ([x0, y0, x1, y1], x, y) => x >= x0 && x < x1 && y >= y0 && y < y1;

function masked(layer, index, [x0, y0, x1, y1], x, y) {
  const canvas = layer.querySelector(`canvas[data-item="${index}"][data-drawn]`);
  if (!canvas) return null;
  const across = Math.min(canvas.width - 1, Math.floor(((x - x0) / (x1 - x0)) * canvas.width));
  const down = Math.min(canvas.height - 1, Math.floor(((y - y0) / (y1 - y0)) * canvas.height));
  return canvas.getContext("2d").getImageData(across, down, 1, 1).data[3] > 0;
}

// Brings one item out (its index, or null for all alike).
export function emphasize(layer, index) {
  layer.classList.toggle("focused", index !== null);
  for (const part of layer.querySelectorAll("[data-item]")) {
    part.classList.toggle("on", index !== null && part.dataset.item === String(index));
  }
}

// Puts each label above its box, or inside it; one that would cover another waits until its item is brought out.
export function arrangeLabels(layer) {
  const bounds = layer.getBoundingClientRect();
  const taken = [];
  for (const label of layer.querySelectorAll(".tag")) {
    label.classList.remove("crowded");
    const fits = [true, false].some((above) => {
      label.classList.toggle("above", above);
      const spot = label.getBoundingClientRect();
      if (spot.top < bounds.top - 1 || taken.some((other) => overlap(spot, other))) return false;
      taken.push(spot);
      return true;
    });
    label.classList.toggle("crowded", !fits);
  }
}

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function boxOf([x0, y0, x1, y1], index, tint) {
  const group = document.createElementNS(SVG, "g");
  group.dataset.item = index;
  for (const name of ["halo", "line"]) {
    const rect = document.createElementNS(SVG, "rect");
    for (const [key, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) rect.setAttribute(key, value);
    rect.setAttribute("class", name);
    if (name === "line") rect.style.stroke = tint;
    group.append(rect);
  }
  return group;
}

function labelOf(item, box, index, tint, width, height) {
  const label = document.createElement("span");
  label.className = "tag";
  label.dataset.item = index;
  label.textContent = item.label;
  place(label, box, width, height);
  label.style.width = label.style.height = "";
  label.style.maxWidth = `${100 - (100 * box[0]) / width}%`;
  label.style.backgroundColor = tint;
  return label;
}

function maskOf(item, box, index, tint, image, stored) {
  const canvas = document.createElement("canvas");
  canvas.dataset.item = index;
  canvas.className = "mask";
  place(canvas, box, ...sizeIn(image, stored));
  tintMask(canvas, item, box, tint, stored ? turn(image) : [1, 0, 0, 1, 0, 0]).catch((error) => console.warn(`${item.mask} is not shown:`, error));
  return canvas;
}

// The mask PNG has the size of the whole upright image; a mask lies inside of its box, so that only that part is drawn.
async function tintMask(canvas, item, [x0, y0, x1, y1], tint, turned) {
  const picture = new Image();
  picture.src = item.mask;
  await picture.decode();
  const scale = Math.min(1, MAX_MASK_SIDE / Math.max(x1 - x0, y1 - y0));
  canvas.width = Math.max(1, Math.round((x1 - x0) * scale));
  canvas.height = Math.max(1, Math.round((y1 - y0) * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.setTransform(canvas.width / (x1 - x0), 0, 0, canvas.height / (y1 - y0), (-x0 * canvas.width) / (x1 - x0), (-y0 * canvas.height) / (y1 - y0));
  context.transform(...turned);
  context.drawImage(picture, 0, 0);
  context.resetTransform();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  // Grey becomes opacity: white is the thing, black is not.
  for (let at = 0; at < pixels.data.length; at += 4) pixels.data[at + 3] = pixels.data[at] * MASK_ALPHA;
  context.putImageData(pixels, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = tint;
  context.fillRect(0, 0, canvas.width, canvas.height);
  canvas.dataset.drawn = "";
}

// From the upright image to the grid of the file, by its EXIF orientation, as a matrix of the canvas.
function turn({ width, height, orientation }) {
  return {
    2: [-1, 0, 0, 1, width, 0],
    3: [-1, 0, 0, -1, width, height],
    4: [1, 0, 0, -1, 0, height],
    5: [0, 1, 1, 0, 0, 0],
    6: [0, -1, 1, 0, 0, width],
    7: [0, -1, -1, 0, height, width],
    8: [0, 1, -1, 0, height, 0],
  }[orientation] ?? [1, 0, 0, 1, 0, 0];
}

function place(element, [x0, y0, x1, y1], width, height) {
  element.style.left = `${(100 * x0) / width}%`;
  element.style.top = `${(100 * y0) / height}%`;
  element.style.width = `${(100 * (x1 - x0)) / width}%`;
  element.style.height = `${(100 * (y1 - y0)) / height}%`;
}
