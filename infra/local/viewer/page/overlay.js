// What was found, drawn on the picture: boxes and labels in the frame of the upright image, masks tinted.

const SVG = "http://www.w3.org/2000/svg";
const MASK_ALPHA = 0.55;
const MAX_MASK_SIDE = 900;

// Hues far apart from one another; things of one label share one colour.
const PALETTE = ["#f97316", "#0ea5e9", "#84cc16", "#ec4899", "#eab308", "#8b5cf6", "#14b8a6", "#ef4444", "#6366f1", "#22c55e"];

export function colours(items) {
  const labels = [...new Set(items.map((item) => item.label))];
  return items.map((item) => PALETTE[labels.indexOf(item.label) % PALETTE.length]);
}

// Draws one result's items into `layer`, an element that lies exactly over the picture; returns nothing.
export function drawOverlay(layer, result) {
  layer.replaceChildren();
  if (!result?.image) return;
  const { width, height } = result.image;
  const tints = colours(result.items);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  layer.append(svg);
  result.items.forEach((item, index) => {
    if (!item.box) return;
    svg.append(boxOf(item, index, tints[index]));
    layer.append(labelOf(item, index, tints[index], width, height));
    if (item.mask) layer.prepend(maskOf(item, index, tints[index], width, height));
  });
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

function boxOf(item, index, tint) {
  const [x0, y0, x1, y1] = item.box;
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

function labelOf(item, index, tint, width, height) {
  const label = document.createElement("span");
  label.className = "tag";
  label.dataset.item = index;
  label.textContent = item.label;
  place(label, item.box, width, height);
  label.style.width = label.style.height = "";
  label.style.maxWidth = `${100 - (100 * item.box[0]) / width}%`;
  label.style.backgroundColor = tint;
  return label;
}

function maskOf(item, index, tint, width, height) {
  const canvas = document.createElement("canvas");
  canvas.dataset.item = index;
  canvas.className = "mask";
  place(canvas, item.box, width, height);
  tintMask(canvas, item, tint).catch((error) => console.warn(`${item.mask} is not shown:`, error));
  return canvas;
}

// The mask PNG has the size of the whole image; a mask lies inside of its box, so that only that part is drawn.
async function tintMask(canvas, item, tint) {
  const picture = new Image();
  picture.src = item.mask;
  await picture.decode();
  const [x0, y0, x1, y1] = item.box;
  const scale = Math.min(1, MAX_MASK_SIDE / Math.max(x1 - x0, y1 - y0));
  canvas.width = Math.max(1, Math.round((x1 - x0) * scale));
  canvas.height = Math.max(1, Math.round((y1 - y0) * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, x0, y0, x1 - x0, y1 - y0, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  // Grey becomes opacity: white is the thing, black is not.
  for (let at = 0; at < pixels.data.length; at += 4) pixels.data[at + 3] = pixels.data[at] * MASK_ALPHA;
  context.putImageData(pixels, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = tint;
  context.fillRect(0, 0, canvas.width, canvas.height);
}

function place(element, [x0, y0, x1, y1], width, height) {
  element.style.left = `${(100 * x0) / width}%`;
  element.style.top = `${(100 * y0) / height}%`;
  element.style.width = `${(100 * (x1 - x0)) / width}%`;
  element.style.height = `${(100 * (y1 - y0)) / height}%`;
}
