// What was found, as a list beside the picture: pointing at a row shows the thing, pointing at the thing shows the row.

import { colours } from "./overlay.js";
import { element } from "./words.js";

export class Items {
  // `pointed` hears the index that a person points at (or null), `hid` that other items are hidden.
  constructor(root, { pointed, hid }) {
    Object.assign(this, { root, pointed, hid });
    this.hidden = new Set();
    this.pinned = null;
  }

  show(result) {
    if (this.result !== result) {
      this.hidden = new Set();
      this.pinned = null;
    }
    this.result = result;
    this.rows = [];
    this.root.replaceChildren();
    if (!result?.items.length) return;
    const tints = colours(result.items);
    this.rows = result.items.map((item, index) => this.row(item, index, tints[index]));
    this.root.append(this.labels(tints), element("ul", { className: "items", "aria-label": `Found by ${result.task}` }, ...this.rows));
  }

  // One button for each label that several things share, and one for all of them.
  labels(tints) {
    const { items } = this.result;
    const labels = [...new Set(items.map((item) => item.label))];
    const group = element("div", { className: "labels", role: "group", "aria-label": "Show by label" });
    const toggle = (text, indexes, tint) => {
      const shown = indexes.some((index) => !this.hidden.has(index));
      const button = element("button", { type: "button", className: "chip" }, tint ? swatchOf(tint) : null, text);
      button.dataset.label = text;
      button.setAttribute("aria-pressed", String(shown));
      button.addEventListener("click", () => this.hide(indexes, shown, `[data-label="${CSS.escape(text)}"]`));
      group.append(button);
    };
    toggle(`all ${items.length}`, items.map((_, index) => index), null);
    if (labels.length > 1 && labels.length < items.length) {
      for (const label of labels) {
        const indexes = items.flatMap((item, index) => (item.label === label ? [index] : []));
        toggle(`${label} ${indexes.length}`, indexes, tints[indexes[0]]);
      }
    }
    return group;
  }

  row(item, index, tint) {
    const shown = element("input", { type: "checkbox", checked: !this.hidden.has(index), disabled: !item.box });
    shown.setAttribute("aria-label", `Show ${item.label} ${index + 1}`);
    shown.addEventListener("change", () => this.hide([index], !shown.checked, `li:nth-child(${index + 1}) input`));
    const notes = [item.mask && item.area_px ? `${item.area_px.toLocaleString("en")} px` : null, item.reason].filter(Boolean).join(", ");
    const button = element("button", { type: "button", className: "item" }, swatchOf(tint, Boolean(item.mask)), element("span", { dir: "auto" }, item.label), element("small", {}, notes));
    button.setAttribute("aria-pressed", String(this.pinned === index));
    for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => this.pointed(index));
    for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, () => this.pointed(this.pinned));
    button.addEventListener("click", () => this.pin(this.pinned === index ? null : index));
    return element("li", {}, element("label", { className: "shown" }, shown), button);
  }

  hide(indexes, hidden, again) {
    for (const index of indexes) {
      if (hidden) this.hidden.add(index);
      else this.hidden.delete(index);
    }
    this.show(this.result);
    this.root.querySelector(again)?.focus();
    this.hid();
  }

  pin(index) {
    this.pinned = index;
    this.rows.forEach((row, at) => row.querySelector("button").setAttribute("aria-pressed", String(at === index)));
    this.pointed(index);
  }

  // Somebody points at the thing itself.
  mark(index) {
    this.rows.forEach((row, at) => row.classList.toggle("on", at === index));
    if (index !== null) this.rows[index]?.scrollIntoView({ block: "nearest" });
  }
}

function swatchOf(tint, filled = false) {
  const swatch = element("i", { className: `swatch${filled ? " filled" : ""}`, "aria-hidden": "true" });
  swatch.style.setProperty("--tint", tint);
  return swatch;
}
