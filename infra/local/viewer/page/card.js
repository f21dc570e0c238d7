// One image and everything that is known about it.

import { arrangeLabels, colours, drawOverlay, emphasize } from "./overlay.js";
import { TASKS } from "./tasks.js";
import { answerOf, classesOf, element, factsOf, problemsOf, smallPrint, wordsOf } from "./words.js";

const PATIENCE_MS = 15_000;
const GAP_PX = 20;

// Cards of different heights close up: the grid has rows of a pixel, and each card spans as many as it is high.
const heights = new ResizeObserver((changes) => {
  for (const { target, borderBoxSize } of changes) {
    target.style.gridRowEnd = `span ${Math.ceil(borderBoxSize[0].blockSize) + GAP_PX}`;
  }
});

export class Card {
  constructor(source) {
    this.generation = BigInt(source.generation);
    this.run = source.run;
    this.source = source;
    this.tasks = new Map(); // task -> result, or null while it waits
    this.chosen = null; // the task a person picked, if any
    this.pinned = null; // the item a person clicked, if any
    this.build();
    heights.observe(this.root);
    new ResizeObserver(() => arrangeLabels(this.layer)).observe(this.layer);
    setTimeout(() => this.lookLate(), PATIENCE_MS);
    this.render();
  }

  // A task waits for its worker; a result that is already there stays.
  plan(task) {
    if (this.tasks.has(task)) return false;
    this.tasks.set(task, null);
    this.render();
    return true;
  }

  // Takes a result; returns whether it says anything new. A final result replaces a failure, never the reverse; a task
  // that was parked can be parked again, for another reason.
  take(result) {
    const known = this.tasks.get(result.task);
    const same = known && known.document === result.document && known.reason === result.reason;
    if (known && (same || !["failed", "held"].includes(known.status) || older(result, known))) return false;
    this.tasks.set(result.task, result);
    this.render();
    return true;
  }

  build() {
    const { name, preview, original } = this.source;
    const short = name.split("/").pop() || name;
    this.layer = element("div", { className: "layer", "aria-hidden": "true" });
    this.frame = element("div", { className: "frame" });
    if (preview) this.frame.append(this.pictureOf(name, preview), this.layer);
    else this.sayInstead("A question about several images");
    const enlarge = element("button", { type: "button", className: "enlarge", "aria-pressed": "false", title: "Larger" }, "⤢");
    enlarge.setAttribute("aria-label", `Show ${short} larger`);
    enlarge.addEventListener("click", () => {
      enlarge.setAttribute("aria-pressed", String(this.root.classList.toggle("large")));
    });
    this.body = element("div", { className: "body" });
    this.facts = element("p", { className: "small" });
    const title = element("h2", { title: name }, element("a", { href: original, target: "_blank", rel: "noopener" }, short));
    this.stage = element("div", { className: "stage" }, this.frame, enlarge);
    this.root = element("article", { className: "card", "aria-label": name }, this.stage, element("div", { className: "text" }, title, this.facts, this.body));
  }

  pictureOf(name, src) {
    const picture = element("img", { alt: `Preview of ${name}`, loading: "lazy", decoding: "async", src });
    picture.addEventListener("load", () => this.shape(picture.naturalWidth, picture.naturalHeight));
    picture.addEventListener("error", () => this.explainMissing());
    return picture;
  }

  get active() {
    if (this.chosen && this.tasks.has(this.chosen)) return this.chosen;
    const results = [...this.tasks.values()].filter(Boolean);
    const best = results.find((it) => it.items.some((item) => item.mask)) ?? results.find((it) => it.items.length) ?? results.find((it) => it.document) ?? results[0];
    return best?.task ?? null;
  }

  render() {
    const focused = this.root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    const results = [...this.tasks.values()].filter(Boolean).sort((a, b) => byRank(a.task, b.task));
    const active = this.tasks.get(this.active) ?? null;
    const image = results.find((it) => it.image)?.image;
    if (image) this.shape(image.width, image.height);
    this.facts.textContent = factsOf(image, this.source, this.run);
    if (this.drawn !== active) {
      drawOverlay(this.layer, active);
      arrangeLabels(this.layer);
      this.drawn = active;
      this.pinned = null;
    }
    const caption = results.find((it) => it.caption)?.caption;
    this.body.replaceChildren(
      ...[
        caption ? element("p", { className: "caption", dir: "auto" }, caption) : null,
        classesOf(results),
        answerOf(results),
        this.tasks.size ? this.chips() : this.unplanned(),
        problemsOf(results),
        active?.items.length ? this.items(active) : null,
        active ? smallPrint(active) : null,
      ].filter(Boolean),
    );
    emphasize(this.layer, this.pinned);
    if (focused) this.body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  // Keeps the picture's place free before it is there; small pictures are not blown up beyond threefold.
  shape(width, height) {
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.frame.style.setProperty("--ratio", width / height);
    this.frame.style.setProperty("--most", `${3 * width}px`);
  }

  chips() {
    const names = [...this.tasks.keys()].sort(byRank);
    return element("div", { className: "chips", role: "group", "aria-label": "Tasks" }, ...names.map((name) => this.chip(name)));
  }

  chip(task) {
    const result = this.tasks.get(task);
    const status = result?.status ?? "waiting";
    const found = result?.items.length || result?.classes.length;
    const count = found ? ` ${found}` : "";
    const words = result ? wordsOf(result) : "waits for its worker";
    const chip = element("button", { type: "button", className: "chip", title: words, disabled: !result }, `${task}${count} `, element("b", {}, status));
    chip.dataset.status = status;
    chip.dataset.key = `task-${task}`;
    chip.setAttribute("aria-pressed", String(task === this.active));
    chip.addEventListener("click", () => {
      this.chosen = task;
      this.render();
    });
    return chip;
  }

  unplanned() {
    const words = this.late
      ? "No task was planned. Ingest leaves out what is no image and what a rule excludes; otherwise look at the output of make up."
      : "Uploaded; no task yet.";
    return element("p", { className: "small" }, words);
  }

  lookLate() {
    this.late = true;
    if (!this.tasks.size) this.render();
  }

  items(result) {
    const tints = colours(result.items);
    const list = element("ul", { className: "items", "aria-label": `Found by ${result.task}` });
    result.items.forEach((item, index) => list.append(element("li", {}, this.item(item, index, tints[index]))));
    return list;
  }

  item(item, index, tint) {
    const swatch = element("i", { className: item.mask ? "swatch filled" : "swatch" });
    swatch.style.setProperty("--tint", tint);
    const notes = [item.reason, item.area_px ? `${item.area_px.toLocaleString("en")} px` : null].filter(Boolean).join(" · ");
    const button = element("button", { type: "button", className: "item" }, swatch, element("span", { dir: "auto" }, item.label), element("small", {}, notes));
    button.dataset.key = `item-${index}`;
    button.setAttribute("aria-pressed", String(this.pinned === index));
    const show = () => emphasize(this.layer, index);
    const rest = () => emphasize(this.layer, this.pinned);
    for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, show);
    for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, rest);
    button.addEventListener("click", () => {
      this.pinned = this.pinned === index ? null : index;
      this.render();
    });
    return button;
  }

  // An <img> can't say why it failed; its address, asked again for words, can.
  async explainMissing() {
    let words = "The preview could not be loaded.";
    try {
      const answer = await fetch(`${this.source.preview}&why=1`);
      if (answer.headers.get("content-type")?.startsWith("application/json")) words = (await answer.json()).error;
    } catch {
      words = "The viewer does not answer.";
    }
    this.sayInstead(`No preview. ${words}`);
  }

  sayInstead(words) {
    this.frame.replaceChildren(element("p", { className: "missing" }, words));
  }
}

function byRank(one, other) {
  const rank = (task) => (TASKS.includes(task) ? TASKS.indexOf(task) : TASKS.length);
  return rank(one) - rank(other) || one.localeCompare(other);
}

function older(result, known) {
  const number = (it) => (it.status === "held" ? -1 : Number(/\.error-(\d+)\.json/.exec(it.document)?.[1] ?? Infinity));
  return number(result) < number(known);
}
