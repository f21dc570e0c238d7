// Zoom by layout and pan by scrolling: labels keep their size, lines their width, and fingers do what they always do.

const MOST = 16;
const STEP = 1.4;

export class Zoom {
  // `stage` scrolls, `frame` is what is seen through it.
  constructor(stage, frame, { changed }) {
    Object.assign(this, { stage, frame, changed });
    this.scale = 1;
    this.size = [1, 1];
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.grab(event));
    stage.addEventListener("pointermove", (event) => this.drag(event));
    for (const kind of ["pointerup", "pointercancel"]) stage.addEventListener(kind, () => this.drop());
    stage.addEventListener("dblclick", (event) => this.to(this.scale > 1 ? 1 : 3, event));
    new ResizeObserver(() => this.fit()).observe(stage);
  }

  shape(width, height) {
    if (this.size[0] === width && this.size[1] === height) return;
    this.size = [width, height];
    this.fit();
  }

  fit() {
    const [width, height] = this.size;
    const room = Math.min(this.stage.clientWidth / width, this.stage.clientHeight / height);
    const shown = Math.min(room, 3) * this.scale; // small pictures are not blown up beyond threefold
    this.frame.style.width = `${width * shown}px`;
    this.frame.style.height = `${height * shown}px`;
    this.changed(this.scale);
  }

  reset() {
    this.scale = 1;
    this.fit();
  }

  by(steps) {
    this.to(this.scale * STEP ** steps);
  }

  // Zooms so that what lies under the pointer (or in the middle) stays there.
  to(scale, at = null) {
    const bounds = this.stage.getBoundingClientRect();
    const x = at ? at.clientX : bounds.left + bounds.width / 2;
    const y = at ? at.clientY : bounds.top + bounds.height / 2;
    const before = this.frame.getBoundingClientRect();
    const share = [(x - before.left) / before.width, (y - before.top) / before.height];
    this.scale = Math.min(MOST, Math.max(1, scale));
    this.fit();
    const after = this.frame.getBoundingClientRect();
    this.stage.scrollLeft += after.left + share[0] * after.width - x;
    this.stage.scrollTop += after.top + share[1] * after.height - y;
  }

  wheel(event) {
    event.preventDefault();
    this.to(this.scale * STEP ** (-event.deltaY / 120), event);
  }

  grab(event) {
    if (event.pointerType !== "mouse" || event.button !== 0 || this.scale === 1) return;
    this.held = { x: event.clientX, y: event.clientY, left: this.stage.scrollLeft, top: this.stage.scrollTop };
    this.stage.setPointerCapture(event.pointerId);
  }

  drag(event) {
    if (!this.held) return;
    this.stage.scrollLeft = this.held.left - (event.clientX - this.held.x);
    this.stage.scrollTop = this.held.top - (event.clientY - this.held.y);
  }

  drop() {
    this.held = null;
  }
}
