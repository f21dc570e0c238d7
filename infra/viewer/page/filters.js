// Which images are wanted, and how many there are of each kind.

import { element } from "./words.js";

const STATES = { failed: "failed", held: "held", waiting: "waiting", unplanned: "without a task", done: "done" };
const TYPING_MS = 200;
const count = (number) => number.toLocaleString("en");

export class Filters {
  constructor(form, { changed }) {
    this.form = form;
    let timer = null;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      clearTimeout(timer);
      timer = setTimeout(changed, event.target.type === "search" ? TYPING_MS : 0);
    });
  }

  get values() {
    return Object.fromEntries(new FormData(this.form));
  }

  get any() {
    return Object.values(this.values).some(Boolean);
  }

  clear() {
    this.form.reset();
    this.form.dispatchEvent(new Event("input"));
  }

  show({ states, tasks, labels }) {
    this.options("state", "any state", Object.entries(states).map(([state, number]) => [state, STATES[state], number]));
    this.options("task", "any task", Object.entries(tasks).map(([task, number]) => [task, task, number]));
    this.options("label", "any label", Object.entries(labels).map(([label, number]) => [label, label, number]));
  }

  options(name, any, entries) {
    const select = this.form.elements[name];
    const chosen = select.value;
    const wanted = entries.filter(([value, , number]) => number || value === chosen);
    if (chosen && !wanted.some(([value]) => value === chosen)) wanted.push([chosen, STATES[chosen] ?? chosen, 0]);
    const told = JSON.stringify(wanted);
    if (select.dataset.told === told) return;
    select.dataset.told = told;
    select.replaceChildren(element("option", { value: "" }, any), ...wanted.map(([value, text, number]) => element("option", { value }, `${text} (${count(number)})`)));
    select.value = chosen;
  }
}

// One line about everything: how many images, how they are, and what they took.
export function overviewWords({ images, older, states }) {
  const parts = [older ? `the newest ${count(images)} of ${count(images + older)} images` : `${count(images)} image${images === 1 ? "" : "s"}`];
  for (const state of ["failed", "held", "waiting"]) if (states[state]) parts.push(`${count(states[state])} ${STATES[state]}`);
  return parts.join(", ");
}

export function useWords({ calls, local_calls: local, tokens, usd, local_usd: free, unpriced }) {
  if (!calls && !local) return "";
  const parts = [];
  if (calls) parts.push(`${count(calls)} paid call${calls === 1 ? "" : "s"}: $${usd.toFixed(4)}${unpriced ? ` and ${count(unpriced)} of unknown price` : ""}`);
  if (local) parts.push(`${count(local)} local call${local === 1 ? "" : "s"}, nothing paid (a model would have cost about $${free.toFixed(4)})`);
  parts.push(`${count(tokens)} tokens`);
  return parts.join(" · ");
}
