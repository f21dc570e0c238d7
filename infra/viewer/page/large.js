// One image, as large as the window: zoom, its things one by one, its story, its JSON, and what can be taken away.

import { READ_ONLY, getJson, imagesPath, keyed } from "./api.js";
import { Items } from "./items.js";
import { arrangeLabels, drawOverlay, emphasize, itemAt, sizeIn } from "./overlay.js";
import { Story } from "./story.js";
import { answerOf, bestTask, classesOf, element, factsOf, problemsOf, resultsOf, shortName, smallPrint, stateWords, warningsOf, wordsOf } from "./words.js";
import { Zoom } from "./zoom.js";

const STORY_EVERY_MS = READ_ONLY ? 30_000 : 2000; // each look reads the buckets, which are paid for

export class Large {
  constructor(find, { filters, closed }) {
    Object.assign(this, { $: find, filters, closed });
    this.dialog = find("large");
    this.layer = element("div", { className: "layer", "aria-hidden": "true" });
    this.picture = element("img", { alt: "", decoding: "async" });
    this.frame = find("large-frame");
    this.frame.append(this.picture, this.layer);
    this.zoom = new Zoom(find("large-stage"), this.frame, { changed: (scale) => this.zoomed(scale) });
    this.items = new Items(find("large-items"), { pointed: (index) => emphasize(this.layer, index), hid: () => this.draw() });
    this.story = new Story(find("story"), find("actions"), { said: (text, bad) => this.say(text, bad) });
    this.listen();
  }

  get open() {
    return this.dialog.open;
  }

  // Shows the image of this key, and the one before and after it among those that are wanted.
  async show(key) {
    this.wanted = key;
    let answer;
    try {
      answer = await getJson(imagesPath({ around: key, limit: 3 }, this.filters()));
    } catch (error) {
      this.say(error.message, true);
      return;
    }
    if (this.wanted !== key) return; // another one was asked for meanwhile
    const at = answer.images.findIndex((image) => image.key === answer.around);
    if (at < 0) {
      if (this.open) this.close();
      return;
    }
    [this.before, this.after] = [answer.images[at - 1]?.key, answer.images[at + 1]?.key];
    this.$("large-place").textContent = answer.matched && answer.images.length > 1 ? `${answer.offset + at + 1} of ${answer.matched}` : "";
    this.take(answer.images[at]);
    if (!this.open) this.dialog.showModal();
    this.zoom.fit();
  }

  refresh() {
    if (this.open && this.image) this.show(this.image.key);
  }

  take(image) {
    const another = this.image?.key !== image.key;
    const told = JSON.stringify(image);
    if (another) {
      Object.assign(this, { chosen: null, stored: false });
      this.say("");
      this.zoom.reset();
      this.$("json").open = false;
    }
    history.replaceState(null, "", `#${encodeURIComponent(image.key)}`);
    if (another || this.told !== told) {
      this.image = image;
      this.told = told;
      this.render();
    }
    // Not everything in a story changes the image: while it is open, it is asked for again and again.
    if (another) this.story.show(image);
  }

  get result() {
    return resultsOf(this.image).find((it) => it.task === this.chosen) ?? bestTask(this.image);
  }

  render() {
    const { image } = this;
    const results = resultsOf(image);
    const size = results.find((it) => it.image)?.image;
    this.$("large-title").textContent = shortName(image.name);
    this.$("large-facts").textContent = factsOf(size, image, image.run);
    this.$("large-stored").hidden = !(size?.orientation > 1);
    this.showPicture(size);
    const caption = results.find((it) => it.caption)?.caption;
    const parts = [
      caption ? element("p", { className: "caption", dir: "auto" }, caption) : null,
      classesOf(results),
      answerOf(results),
      image.tasks.length ? this.chips() : element("p", { className: "small" }, stateWords(image)),
      problemsOf(results),
    ];
    const focused = this.$("large-words").contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.$("large-words").replaceChildren(...parts.filter(Boolean));
    if (focused) this.$("large-words").querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    this.renderResult();
  }

  renderResult() {
    const { result } = this;
    this.items.show(result);
    this.$("large-print").replaceChildren(...(result ? [warningsOf(result), smallPrint(result)].filter(Boolean) : []));
    this.draw();
    this.offerDownloads();
    if (this.$("json").open) this.showJson();
  }

  draw() {
    drawOverlay(this.layer, this.result, { stored: this.stored, hidden: this.items.hidden });
    arrangeLabels(this.layer);
    emphasize(this.layer, this.items.pinned);
  }

  showPicture(size) {
    const { preview, name } = this.image;
    const source = preview && `${preview}${this.stored ? "&frame=stored" : ""}`;
    this.$("large-missing").hidden = Boolean(preview);
    this.$("large-missing").textContent = preview ? "" : "A question about several images";
    this.frame.hidden = !preview;
    if (size) this.zoom.shape(...sizeIn(size, this.stored));
    if (!source || this.picture.getAttribute("src") === source) return;
    this.picture.alt = `${shortName(name)}, as uploaded`;
    this.picture.src = source;
  }

  chips() {
    const chips = this.image.tasks.map((task) => {
      const waits = task.status === "waiting";
      const found = task.items?.length || task.classes?.length;
      const chip = element("button", { type: "button", className: "chip", disabled: waits, title: waits ? "waits for its worker" : wordsOf(task) }, `${task.task}${found ? ` ${found}` : ""} `, element("b", {}, task.status));
      Object.assign(chip.dataset, { status: task.status, key: `task-${task.task}` });
      chip.setAttribute("aria-pressed", String(task.task === this.result?.task));
      chip.addEventListener("click", () => {
        this.chosen = task.task;
        this.render();
      });
      return chip;
    });
    return element("div", { className: "chips", role: "group", "aria-label": "Tasks" }, ...chips);
  }

  offerDownloads() {
    const { key, original, tasks } = this.image;
    const masks = tasks.some((task) => task.items?.some((item) => item.mask));
    const items = tasks.some((task) => task.items?.length);
    const links = [
      ["Original", original],
      this.result?.overlay ? ["Overlay", this.result.overlay] : null,
      tasks.some((task) => task.document) ? [masks ? "Masks and documents (ZIP)" : "Documents (ZIP)", keyed("api/archive", key)] : null,
      items ? ["COCO (JSON)", keyed("api/coco", key)] : null,
    ];
    this.$("downloads").replaceChildren(...links.filter(Boolean).map(([text, href]) => element("li", {}, element("a", { href, download: "" }, text))));
    this.$("json").hidden = !this.result?.document;
  }

  async showJson() {
    const { document: address, task } = this.result ?? {};
    if (!address || this.$("json-text").dataset.of === address) return;
    this.$("json-text").dataset.of = address;
    this.$("json-text").textContent = "…";
    try {
      this.$("json-text").textContent = JSON.stringify(await getJson(address), null, 2);
    } catch (error) {
      this.$("json-text").textContent = `${task}: ${error.message}`;
    }
  }

  zoomed(scale) {
    this.$("large-scale").textContent = `${Math.round(scale * 100)} %`;
    arrangeLabels(this.layer);
  }

  say(text, bad = false) {
    this.$("large-said").textContent = text;
    this.$("large-said").dataset.status = bad ? "failed" : "";
  }

  close() {
    this.dialog.close();
  }

  step(key) {
    if (key) this.show(key);
  }

  point(event) {
    const bounds = this.frame.getBoundingClientRect();
    const [x, y] = [(event.clientX - bounds.left) / bounds.width, (event.clientY - bounds.top) / bounds.height];
    return x < 0 || y < 0 || x > 1 || y > 1 ? null : itemAt(this.layer, this.result, x, y, { stored: this.stored, hidden: this.items.hidden });
  }

  listen() {
    setInterval(() => this.open && this.image && this.story.show(this.image), STORY_EVERY_MS);
    const on = (id, act) => this.$(id).addEventListener("click", act);
    on("large-close", () => this.close());
    on("large-before", () => this.step(this.before));
    on("large-after", () => this.step(this.after));
    on("zoom-in", () => this.zoom.by(1));
    on("zoom-out", () => this.zoom.by(-1));
    on("zoom-fit", () => this.zoom.reset());
    on("large-stored", () => {
      this.stored = !this.stored;
      this.$("large-stored").setAttribute("aria-pressed", String(this.stored));
      this.render();
    });
    const stage = this.$("large-stage");
    stage.addEventListener("pointermove", (event) => {
      const index = this.point(event);
      this.items.mark(index);
      emphasize(this.layer, index ?? this.items.pinned);
    });
    stage.addEventListener("pointerleave", () => {
      this.items.mark(null);
      emphasize(this.layer, this.items.pinned);
    });
    stage.addEventListener("click", (event) => this.items.rows?.length && this.items.pin(this.point(event)));
    this.picture.addEventListener("load", () => this.zoom.shape(this.picture.naturalWidth, this.picture.naturalHeight));
    this.picture.addEventListener("error", () => this.explainMissing());
    this.$("json").addEventListener("toggle", () => this.$("json").open && this.showJson());
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => {
      history.replaceState(null, "", location.pathname);
      const { key } = this.image;
      this.image = null;
      this.closed(key);
    });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox]), select")) return;
    const scrolls = event.target === this.$("large-stage") && this.zoom.scale > 1;
    const acts = { "+": () => this.zoom.by(1), "=": () => this.zoom.by(1), "-": () => this.zoom.by(-1), 0: () => this.zoom.reset() };
    if (!scrolls) Object.assign(acts, { ArrowLeft: () => this.step(this.before), ArrowRight: () => this.step(this.after) });
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  // An <img> can't say why it failed; its address, asked again for words, can.
  async explainMissing() {
    const { preview } = this.image ?? {};
    if (!preview) return;
    this.frame.hidden = true;
    this.$("large-missing").hidden = false;
    try {
      this.$("large-missing").textContent = `No preview. ${(await getJson(`${preview}&why=1`)).error}`;
    } catch (error) {
      this.$("large-missing").textContent = `No preview. ${error.message}`;
    }
  }
}
