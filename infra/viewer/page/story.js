// What happened to one image, in order, and what can be done to it.

import { getJson, keyed, postJson } from "./api.js";
import { element, shortName } from "./words.js";

export class Story {
  constructor(list, actions, { said, gone }) {
    Object.assign(this, { list, actions, said, gone });
    for (const button of actions.querySelectorAll("button")) button.addEventListener("click", () => this.act(button));
  }

  async show(image) {
    this.image = image;
    const { key } = image;
    for (const button of this.actions.querySelectorAll("button")) button.disabled = !possible(button.value, image);
    let events;
    try {
      events = await getJson(keyed("api/story", key));
    } catch (error) {
      events = [{ at: new Date().toISOString(), kind: "problem", task: "", text: error.message }];
    }
    const told = JSON.stringify(events);
    if (this.image.key !== key || this.told === told) return;
    this.told = told;
    this.list.replaceChildren(...events.map(lineOf));
  }

  async act(button) {
    const { key, name } = this.image;
    if (button.value === "delete" && !confirm(`Delete the upload ${shortName(name)}?`)) return;
    button.disabled = true;
    try {
      this.said((await postJson("api/actions", { action: button.value, key })).said);
    } catch (error) {
      this.said(error.message, true);
    }
    if (this.image.key === key) this.show(this.image);
  }
}

function possible(action, image) {
  if (action === "redrive") return image.tasks.some((task) => task.status === "failed");
  return image.stored;
}

function lineOf({ at, kind, task, run, text }) {
  const time = new Date(at);
  const clock = Number.isNaN(time.valueOf()) ? at : `${time.toLocaleTimeString([], { hour12: false })}.${String(time.getMilliseconds()).padStart(3, "0")}`;
  const about = [task, run && run !== "v1" ? `run ${run}` : null].filter(Boolean).join(", ");
  const line = element("li", {}, element("time", { dateTime: at }, clock), element("span", {}, about ? element("b", {}, `${about}: `) : null, text));
  line.dataset.kind = kind;
  return line;
}
