// One image among many: its picture with what was found, and the least that one wants to know of it.

import { arrangeLabels, drawOverlay } from "./overlay.js";
import { bestTask, element, resultsOf, shortName, stateWords, statusOf } from "./words.js";

export class Card {
  // `open` is called with the key of the image when a person wants to see more of it.
  constructor(image, open) {
    this.key = image.key;
    this.layer = element("div", { className: "layer", "aria-hidden": "true" });
    this.frame = element("div", { className: "frame" });
    this.button = element("button", { type: "button", className: "stage" }, this.frame);
    this.button.addEventListener("click", () => open(this.key));
    this.title = element("h2");
    this.caption = element("p", { className: "caption", dir: "auto" });
    this.chips = element("p", { className: "chips" });
    this.root = element("article", { className: "card", role: "listitem" }, this.button, element("div", { className: "text" }, this.title, this.caption, this.chips));
    this.resized = new ResizeObserver(() => arrangeLabels(this.layer));
    this.resized.observe(this.layer);
    this.show(image);
  }

  show(image) {
    const told = JSON.stringify(image);
    if (told === this.told) return;
    this.told = told;
    if (this.preview !== image.preview) this.showPicture(image);
    this.key = image.key;
    const results = resultsOf(image);
    const size = results.find((it) => it.image)?.image;
    if (size) this.shape(size.width, size.height);
    drawOverlay(this.layer, bestTask(image));
    arrangeLabels(this.layer);
    const short = shortName(image.name);
    this.title.textContent = short;
    this.title.title = image.name;
    const words = results.find((it) => it.caption)?.caption ?? results.find((it) => it.answer)?.answer ?? stateWords(image);
    this.caption.textContent = words;
    this.caption.title = words;
    this.chips.replaceChildren(...chipsOf(image.tasks));
    this.root.dataset.state = image.state;
    this.button.setAttribute("aria-label", `${short}: ${statusOf(image)}. Look at it`);
  }

  // Its place among all that are found, for those who cannot see that there are more.
  place(index, of) {
    this.root.setAttribute("aria-posinset", index + 1);
    this.root.setAttribute("aria-setsize", of);
    this.root.dataset.index = index;
  }

  remove() {
    this.resized.disconnect();
    this.root.remove();
  }

  showPicture(image) {
    this.preview = image.preview;
    if (!image.preview) {
      this.frame.replaceChildren(element("span", { className: "missing" }, "A question about several images"));
      return;
    }
    const picture = element("img", { alt: "", decoding: "async", src: `${image.preview}&size=small` });
    picture.addEventListener("load", () => this.shape(picture.naturalWidth, picture.naturalHeight));
    picture.addEventListener("error", () => this.frame.replaceChildren(element("span", { className: "missing" }, "No preview")));
    this.frame.replaceChildren(picture, this.layer);
  }

  shape(width, height) {
    this.frame.style.setProperty("--ratio", width / height);
    this.frame.style.setProperty("--most", `${3 * width}px`);
  }
}

// A task that is well needs no word for it: what found nothing, waits or failed does. What is alike shares its word.
function chipsOf(tasks) {
  const alike = new Map(); // what stands behind the names -> names
  for (const { task, status, items, classes } of tasks) {
    const found = items?.length || classes?.length;
    const key = JSON.stringify(status === "ok" || found ? [status, found ?? "", task] : [status]);
    alike.set(key, [...(alike.get(key) ?? []), task]);
  }
  return [...alike].map(([key, names]) => {
    const [status, found] = JSON.parse(key);
    const words = `${names.join(", ")}${found ? ` ${found}` : ""}`;
    const chip = element("span", { className: "chip", title: words }, words, status === "ok" ? null : element("b", {}, ` ${status}`));
    chip.dataset.status = status;
    return chip;
  });
}
