// Files on their way in: dropped, pasted or chosen, three at a time, with what is asked of them.

import { postJson, sendFile } from "./api.js";
import { TASKS } from "./tasks.js";
import { element } from "./words.js";

const AT_ONCE = 3;
const MB = 1e6;

export class Uploads {
  constructor(find) {
    this.$ = find;
    this.queue = [];
    this.sending = 0;
    this.begin();
    this.offerTasks();
    this.listen();
  }

  begin() {
    Object.assign(this, { sent: 0, wanted: 0, bytes: 0, done: new Map() });
    this.$("refused").replaceChildren();
  }

  // No task chosen means: what the rules say.
  offerTasks() {
    const boxes = TASKS.map((task) => element("label", {}, element("input", { type: "checkbox", name: "task", value: task }), ` ${task}`));
    this.$("tasks").append(...boxes);
  }

  get wishes() {
    const wishes = new URLSearchParams();
    const tasks = [...this.$("tasks").querySelectorAll(":checked")].map((box) => box.value);
    const question = this.$("question").value.trim();
    const labels = this.$("labels").value.trim();
    if (question) wishes.set("question", whole(question));
    if (question && tasks.length && !tasks.includes("ask")) tasks.push("ask");
    if (tasks.length) wishes.set("tasks", tasks.join(","));
    if (labels) wishes.set("labels", whole(labels));
    return wishes;
  }

  add(files) {
    if (!files.length) return;
    if (!this.sending) this.begin();
    const wishes = this.wishes;
    this.wanted += files.length;
    for (const file of files) this.bytes += file.size;
    this.queue.push(...files.map((file) => ({ file, wishes })));
    while (this.sending < AT_ONCE && this.queue.length) this.work();
  }

  async work() {
    this.sending += 1;
    while (this.queue.length) {
      const { file, wishes } = this.queue.shift();
      const query = new URLSearchParams(wishes);
      query.set("name", whole(file.name)); // a file name can hold half a surrogate pair, which no URL can
      this.show();
      try {
        await sendFile(`api/uploads?${query}`, file, (bytes) => this.progressed(file, bytes));
      } catch (error) {
        this.$("refused").append(element("li", {}, element("b", {}, `${file.name}: `), error.message));
      }
      this.progressed(file, file.size);
      this.sent += 1;
    }
    this.sending -= 1;
    this.show();
  }

  progressed(file, bytes) {
    this.done.set(file, bytes);
    this.show();
  }

  show() {
    const bar = this.$("progress");
    bar.hidden = !this.sending;
    const bytes = [...this.done.values()].reduce((sum, one) => sum + one, 0);
    const refused = this.$("refused").children.length;
    if (this.sending) {
      bar.max = this.bytes || 1;
      bar.value = bytes;
      this.$("uploading").textContent = `Uploading ${Math.min(this.sent + 1, this.wanted)} of ${this.wanted}: ${(bytes / MB).toFixed(1)} of ${(this.bytes / MB).toFixed(1)} MB`;
    } else {
      this.$("uploading").textContent = `${this.sent - refused} of ${this.wanted} uploaded`;
    }
  }

  async samples(button) {
    button.disabled = true;
    this.$("uploading").textContent = "Uploading the samples …";
    try {
      const { uploaded } = await postJson("api/samples", {});
      this.$("uploading").textContent = `${uploaded} samples uploaded`;
    } catch (error) {
      this.$("refused").append(element("li", {}, error.message));
    }
    button.disabled = false;
  }

  listen() {
    const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      document.body.classList.add("dragging");
    });
    addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) document.body.classList.remove("dragging");
    });
    addEventListener("drop", (event) => {
      document.body.classList.remove("dragging");
      if (!holdsFiles(event)) return;
      event.preventDefault();
      this.add([...event.dataTransfer.files]);
    });
    addEventListener("paste", (event) => this.add([...(event.clipboardData?.files ?? [])]));
    // What waits in this page is lost with it: nobody else has the files.
    addEventListener("beforeunload", (event) => {
      if (this.sending) event.preventDefault();
    });
    this.$("choose").addEventListener("click", () => this.$("files").click());
    this.$("files").addEventListener("change", () => {
      this.add([...this.$("files").files]);
      this.$("files").value = "";
    });
    for (const button of document.querySelectorAll(".samples")) button.addEventListener("click", () => this.samples(button));
  }
}

const whole = (text) => text.toWellFormed?.() ?? text;
