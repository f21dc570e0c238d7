// "Break it here": faults that the emulators of a local stack can do, each with what is seen of the recovery.

import { getJson, postJson } from "./api.js";
import { element } from "./words.js";

export class Breaking {
  constructor(find, { open }) {
    Object.assign(this, { $: find, open });
    find("to-breaking").addEventListener("click", () => this.unfold());
    this.begin();
  }

  async begin() {
    let faults = [];
    try {
      faults = await getJson("api/faults");
    } catch {
      return; // the page says elsewhere that the viewer does not answer
    }
    this.$("breaking").hidden = this.$("to-breaking").hidden = !faults.length;
    this.$("faults").replaceChildren(...faults.map((fault) => this.offer(fault)));
  }

  // It lies below all images, and there may be a thousand.
  unfold() {
    this.$("breaking").open = true;
    this.$("breaking").scrollIntoView({ block: "end" });
    this.$("breaking").querySelector("summary").focus({ preventScroll: true });
  }

  offer({ name, title, what, watch, unable }) {
    const button = element("button", { type: "button", disabled: Boolean(unable) }, title);
    button.dataset.fault = name;
    button.addEventListener("click", () => this.do(button, name));
    return element("li", {}, button, element("p", {}, what, " ", element("em", {}, unable || watch)));
  }

  async do(button, fault) {
    button.disabled = true;
    const said = this.$("broken");
    said.textContent = "…";
    try {
      const { said: words, key } = await postJson("api/faults", { fault });
      const look = key ? element("button", { type: "button" }, "Watch its story") : null;
      look?.addEventListener("click", () => this.open(key));
      said.replaceChildren(words, ...(look ? [" ", look] : []));
    } catch (error) {
      said.textContent = error.message;
    }
    button.disabled = false;
  }
}
