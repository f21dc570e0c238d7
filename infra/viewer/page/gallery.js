// All images that are found, of which only those near the screen exist on the page: a thousand take what thirty do.

import { getJson, imagesPath } from "./api.js";
import { Card } from "./card.js";

const BLOCK = 24; // images asked for at a time
const KEPT = 8; // blocks remembered
const GAP_PX = 16;
const LEAST_PX = 264;
const ROWS_AHEAD = 1;

export class Gallery {
  // `told` hears of every answer: {matched, overview}.
  constructor(root, { filters, open, told, failed }) {
    Object.assign(this, { root, filters, open, told, failed });
    this.cards = new Map(); // key -> Card
    this.blocks = new Map(); // number of the block -> promise of its images
    this.matched = 0;
    this.turn = 0;
    addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => this.soon()).observe(root);
  }

  // Asks anew for what is shown: other images are wanted or, with `keep`, something has changed. Then what a person looks
  // at stays where it is, however many uploads come before it.
  async refresh({ keep = false } = {}) {
    this.blocks.clear();
    this.keeping = keep;
    await this.draw();
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  async draw() {
    const turn = ++this.turn;
    const anchor = this.keeping ? this.anchor() : null;
    const moved = anchor ? await this.movedBy(anchor) : 0;
    if (!this.blocks.size) await this.block(0);
    if (turn !== this.turn) return;
    this.measure();
    const [first, last] = this.visible(moved);
    const numbers = [];
    for (let number = Math.floor(first / BLOCK); number * BLOCK < last; number += 1) numbers.push(number);
    const found = await Promise.all(numbers.map((number) => this.block(number)));
    if (turn !== this.turn) return;
    const images = new Map(); // index -> image
    found.forEach((block, at) => block.forEach((image, place) => images.set(numbers[at] * BLOCK + place, image)));
    this.measure();
    this.show([...images].filter(([index]) => index >= first && index < last));
    this.keeping = false;
    if (anchor?.card.root.isConnected) {
      scrollBy(0, anchor.card.root.getBoundingClientRect().top - anchor.top);
      this.held = { card: anchor.card, scrolled: scrollY };
    }
    this.forget(numbers);
    this.root.removeAttribute("aria-busy");
  }

  block(number) {
    if (!this.blocks.has(number)) this.blocks.set(number, this.ask(number));
    return this.blocks.get(number);
  }

  async ask(number) {
    try {
      const answer = await getJson(imagesPath({ offset: number * BLOCK, limit: BLOCK }, this.filters()));
      this.matched = answer.matched;
      this.told(answer);
      return answer.images;
    } catch (error) {
      this.blocks.delete(number);
      this.failed(error.message);
      return [];
    }
  }

  measure() {
    const width = this.root.clientWidth;
    this.columns = Math.max(1, Math.floor((width + GAP_PX) / (LEAST_PX + GAP_PX)));
    this.width = (width - GAP_PX * (this.columns - 1)) / this.columns;
    const text = parseFloat(getComputedStyle(this.root).getPropertyValue("--text-px"));
    this.height = Math.round(this.width * 0.75) + text;
    const rows = Math.ceil(this.matched / this.columns);
    this.root.style.height = `${Math.max(0, rows * (this.height + GAP_PX) - GAP_PX)}px`;
  }

  // The first card that is wholly on the screen, and where; none where the list is seen from its beginning. It stays the
  // same one until somebody scrolls: of uploads that come one by one, each would leave another card to be the first.
  anchor() {
    if (this.root.getBoundingClientRect().top >= 0) return null;
    const placed = (card) => ({ card, index: Number(card.root.dataset.index), top: card.root.getBoundingClientRect().top });
    if (this.held?.scrolled === scrollY && this.held.card.root.isConnected) return placed(this.held.card);
    const cards = [...this.cards.values()].map(placed);
    const seen = cards.filter(({ top }) => top >= 0 && top < innerHeight);
    return seen.sort((one, other) => one.index - other.index)[0] ?? null;
  }

  // How many pixels further down the list an image is by now.
  async movedBy({ card, index }) {
    try {
      const { at } = await getJson(imagesPath({ around: card.key, limit: 1 }, this.filters()));
      const row = (place) => Math.floor(place / this.columns);
      return at === null ? 0 : (row(at) - row(index)) * (this.height + GAP_PX);
    } catch (error) {
      this.failed(error.message);
      return 0;
    }
  }

  // The indexes from and to which images are on the screen, or nearly, once the list has moved.
  visible(moved = 0) {
    const top = moved - this.root.getBoundingClientRect().top;
    const row = this.height + GAP_PX;
    const first = Math.max(0, Math.floor(top / row) - ROWS_AHEAD);
    const last = Math.ceil((top + innerHeight) / row) + ROWS_AHEAD;
    return [first * this.columns, Math.min(this.matched, Math.max(0, last) * this.columns)];
  }

  show(images) {
    const wanted = new Set(images.map(([, image]) => image.key));
    const focused = document.activeElement?.closest?.(".card");
    for (const [key, card] of this.cards) {
      if (wanted.has(key) || card.root === focused) continue;
      card.remove();
      this.cards.delete(key);
    }
    let before = null;
    for (const [index, image] of images) {
      const card = this.cardOf(image);
      card.place(index, this.matched);
      const { style } = card.root;
      style.width = `${this.width}px`;
      style.height = `${this.height}px`;
      style.left = `${(index % this.columns) * (this.width + GAP_PX)}px`;
      style.top = `${Math.floor(index / this.columns) * (this.height + GAP_PX)}px`;
      // In the order in which they are read. What stays where it is isn't touched: it would lose the focus.
      const next = before ? before.nextElementSibling : this.root.firstElementChild;
      if (next !== card.root) this.root.insertBefore(card.root, next);
      before = card.root;
    }
  }

  cardOf(image) {
    // An upload that gets its first task gets a run, and with it another key: it is the same card.
    const known = this.cards.get(image.key) ?? this.cards.get(image.key.replace(/^([0-9]+)\/[^/]+/, "$1/-"));
    if (!known) {
      const card = new Card(image, this.open);
      this.cards.set(image.key, card);
      return card;
    }
    if (known.key !== image.key) {
      this.cards.delete(known.key);
      this.cards.set(image.key, known);
    }
    known.show(image);
    return known;
  }

  forget(used) {
    for (const number of this.blocks.keys()) {
      if (this.blocks.size <= KEPT) return;
      if (!used.includes(number)) this.blocks.delete(number);
    }
  }

  // Brings the focus back to where it was before an image was looked at.
  focus(key) {
    this.cards.get(key)?.button.focus();
  }
}
