// What happened in the whole stack, newest first, and what is read out of it to those who cannot see it.

import { element } from "./words.js";

const MAX_LINES = 200;
const SPEAK_EVERY_MS = 1500;
const TOPICS = { uploaded: "uploads", deleted: "uploads", planned: "image-events", announced: "image-results", dead_letter: "image-dead", problem: "problem" };

export class Log {
  constructor({ lines, latest, spoken }) {
    Object.assign(this, { lines, latest, spoken });
    this.unspoken = [];
  }

  // What the viewer has kept of the time before this page.
  begin(entries) {
    this.lines.replaceChildren();
    for (const entry of entries) this.add(entry);
  }

  add(entry) {
    const { kind, name, status, task, at, text } = entry;
    const first = this.lines.firstElementChild;
    if (kind === "problem" && first?.dataset.what === text) return;
    const time = new Date(at).toLocaleTimeString([], { hour12: false });
    const words = kind === "announced" || kind === "planned" ? "" : text;
    const parts = [["time", time], ["topic", TOPICS[kind] ?? kind], ["task", task], ["status", status], ["name", name], ["text", words]];
    const line = element("li", {}, ...parts.filter(([, part]) => part).map(([part, told]) => element("span", { className: `log-${part}` }, told)));
    line.dataset.status = status ?? "";
    line.dataset.what = text;
    this.lines.prepend(line);
    while (this.lines.children.length > MAX_LINES) this.lines.lastElementChild.remove();
    this.latest.replaceChildren(...line.cloneNode(true).childNodes);
    this.latest.dataset.status = status ?? "";
  }

  problem(message) {
    this.add({ kind: "problem", name: "", status: "failed", task: "", at: new Date().toISOString(), text: message });
  }

  // Many results at once are one announcement.
  speak({ task, name, details }) {
    this.unspoken.push(`${task} of ${name}: ${details.said ?? ""}`);
    this.speaking ??= setTimeout(() => {
      const more = this.unspoken.length - 1;
      this.spoken.textContent = more ? `${more} more results, and ${this.unspoken[more]}` : this.unspoken[0];
      this.unspoken = [];
      this.speaking = null;
    }, SPEAK_EVERY_MS);
  }
}
