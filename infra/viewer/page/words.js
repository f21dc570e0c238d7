// What a card says in words. Text from outside is only ever set as text.

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const PENDING = new Set(["waiting"]);
const GOOD = ["ok", "empty"];

export const shortName = (name) => name.split("/").pop() || name;

// The tasks of an image that have a result, a failure, or are held.
export const resultsOf = (image) => image.tasks.filter((task) => !PENDING.has(task.status));

// What to draw where nobody has chosen: masks rather than boxes, boxes rather than nothing.
export function bestTask(image) {
  const results = resultsOf(image);
  return results.find((it) => it.items.some((item) => item.mask)) ?? results.find((it) => it.items.length) ?? results.find((it) => it.document) ?? results[0] ?? null;
}

// Where an image stands, in a sentence, where it has no caption or answer to show.
export function stateWords(image) {
  if (image.state === "unplanned") {
    if (image.left_out) return `No task was planned: ${image.left_out}.`;
    return image.stored ? "Uploaded; no task has been planned yet." : "The upload is gone.";
  }
  const failed = resultsOf(image).find((it) => !GOOD.includes(it.status));
  if (failed) return wordsOf(failed);
  return image.state === "waiting" ? "Waits for its workers." : "Nothing to say about it.";
}

export function statusOf(image) {
  if (!image.tasks.length) return stateWords(image);
  return image.tasks.map(({ task, status, items }) => `${task} ${status}${items?.length ? `, ${items.length} found` : ""}`).join("; ");
}

export function factsOf(image, source, run) {
  const folder = source.name.includes("/") ? source.name.slice(0, source.name.lastIndexOf("/") + 1) : null;
  const size = image ? `${image.width} × ${image.height} ${image.format?.toUpperCase() ?? ""}` : null;
  const turned = image && image.orientation > 1 ? "turned upright" : null;
  const uploaded = new Date(Number(BigInt(source.generation) / 1000n));
  const when = Number.isNaN(uploaded.valueOf()) || uploaded.getFullYear() < 2020 ? null : uploaded.toLocaleTimeString([], { hour12: false });
  return [size, turned, when, folder && `in ${folder}`, run && run !== "v1" && `run ${run}`].filter(Boolean).join(" · ");
}

export function wordsOf(result) {
  return [result.words, result.reason].filter(Boolean).join(": ");
}

export function problemsOf(results) {
  const alike = new Map(); // a bad file fails each task in the same words: say them once
  for (const { task, status, reason, words } of results) {
    if (GOOD.includes(status)) continue;
    const key = JSON.stringify([status, reason ?? words]);
    alike.set(key, [...(alike.get(key) ?? []), task]);
  }
  const lines = [...alike].map(([key, tasks]) => {
    const [status, text] = JSON.parse(key);
    const line = element("li", {}, element("b", {}, `${tasks.join(", ")} ${status}: `), text);
    line.dataset.status = status;
    return line;
  });
  return lines.length ? element("ul", { className: "problems" }, ...lines) : null;
}

// Labels of a given set, or tags; one that cannot be used is struck out and says why.
export function classesOf(results) {
  const classes = results.find((it) => it.classes.length)?.classes;
  if (!classes) return null;
  const labels = classes.map(({ label, reason }) => {
    const made = element("li", { dir: "auto", title: reason ?? "" }, label);
    made.classList.toggle("unusable", reason !== null);
    return made;
  });
  return element("ul", { className: "classes", "aria-label": "Classes" }, ...labels);
}

export function answerOf(results) {
  const asked = results.find((it) => it.answer);
  if (!asked) return null;
  const question = asked.question ? element("dt", { dir: "auto" }, asked.question) : null;
  return element("dl", { className: "answer" }, question, element("dd", { dir: "auto" }, asked.answer));
}

export const isLocal = (served) => /^(local-vision|recorded-reply)/.test(served ?? "");

export function smallPrint(result) {
  const { requested, served } = result.model;
  const local = isLocal(served);
  const model = !served ? `${requested} was not asked` : served === requested ? served : `answered by ${served}, asked for ${requested}`;
  const parts = [model, transportOf(result.transport), usageOf(result.usage, local), timingOf(result.timing_ms)].filter(Boolean);
  return element("p", { className: "small" }, parts.join(" · "));
}

// Warnings that matter; that local eyes answered is no news on a local stack, and is said apart, in the small print.
export function warningsOf(result) {
  const own = result.warnings.filter((warning) => !(isLocal(result.model.served) && warning.startsWith("the model that answered is")));
  if (!own.length) return null;
  return element("ul", { className: "warnings", "aria-label": "Warnings" }, ...own.map((warning) => element("li", {}, warning)));
}

function transportOf(transport) {
  if (!transport) return null;
  const size = transport.bytes >= 1e6 ? `${(transport.bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(transport.bytes / 1e3)} kB`;
  return `sent ${transport.kind}, ${size} ${transport.mime_type}${transport.reused ? ", reused" : ""}`;
}

function usageOf(usage, local) {
  if (usage?.counted_in) return `answered within ${usage.counted_in}'s call`;
  if (!usage || usage.total_tokens === null) return null;
  const tokens = `${usage.total_tokens.toLocaleString("en")} tokens`;
  if (usage.cost_usd === null) return `${tokens}, cost unknown`;
  const cost = `$${usage.cost_usd.toFixed(6).replace(/0{1,4}$/, "")}`;
  return local ? `${tokens}, nothing paid (a model would have cost about ${cost})` : `${tokens}, ${cost}`;
}

function timingOf(timing) {
  const times = Object.values(timing).filter((value) => typeof value === "number");
  return times.length ? `${Math.round(timing.total ?? times.reduce((a, b) => a + b)).toLocaleString("en")} ms` : null;
}
