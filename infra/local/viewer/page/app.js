// The page: uploads on the way in, server-sent events on the way out.

import { Card } from "./card.js";
import { element, wordsOf } from "./words.js";

const MAX_LINES = 200;
const UPLOADS_AT_ONCE = 3;
const SILENCE_MS = 10_000; // the server sends a heartbeat every 3 s
const SPEAK_EVERY_MS = 1500;

const $ = (id) => document.getElementById(id);
const cards = new Map(); // key -> Card
let seen = new Set();
let ready = false;
let lastSign = Date.now();

// --- events -----------------------------------------------------------------------------------------------------

function connect() {
  const events = new EventSource("api/events");
  const on = (kind, handle) =>
    events.addEventListener(kind, (event) => {
      lastSign = Date.now();
      handle(JSON.parse(event.data));
    });
  events.addEventListener("open", () => {
    seen = new Set();
  });
  on("heartbeat", ({ trouble }) => showState(trouble));
  on("image", takeImage);
  on("result", takeResult);
  on("problem", ({ message }) => log("problem", message, "failed"));
  on("ready", () => {
    ready = true;
    forgetUnseen();
    showEmpty();
  });
  events.addEventListener("error", () => {
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(connect, 3000); // refused rather than unreachable: the browser would not try again
  });
}

function takeImage(message) {
  const card = cardFor(message);
  if (!message.task) {
    if (message.live) log("uploads", message.name, "", "uploaded");
    return;
  }
  if (card.plan(message.task)) log("image-events", message.name, "waiting", message.task);
}

function takeResult(message) {
  const isNew = cardFor(message).take(message);
  if (message.model.served) $(message.model.served.startsWith("local-vision") ? "honest" : "remote").hidden = false;
  if (!message.live || !isNew) return;
  log("image-results", message.name, message.status, message.task);
  speak(`${message.task} of ${message.name}: ${message.caption ?? message.answer ?? wordsOf(message)}`);
}

// The card of an image generation and run. An upload knows no run yet: the first run that shows up takes its card.
function cardFor(message) {
  const place = JSON.stringify([message.bucket, message.name, message.generation]);
  const key = `${place}${message.run ?? ""}`;
  seen.add(key).add(place);
  const started = [...cards.keys()].find((other) => other === key || other.startsWith(place));
  const found = cards.get(key) ?? (message.run === null ? cards.get(started) : cards.get(place));
  if (!found) return addCard(key, new Card(message));
  if (message.run !== null && found.run === null) {
    found.run = message.run;
    cards.delete(place);
    cards.set(key, found);
  }
  return found;
}

function addCard(key, card) {
  cards.set(key, card);
  const next = [...$("cards").children].find((node) => node.card.generation <= card.generation);
  card.root.card = card;
  $("cards").insertBefore(card.root, next ?? null);
  showEmpty();
  return card;
}

// After a new connection: what is stored no longer (a stack that began afresh) leaves the page too.
function forgetUnseen() {
  for (const [key, card] of cards) {
    const place = JSON.stringify([card.source.bucket, card.source.name, card.source.generation]);
    if (seen.has(key) || seen.has(place)) continue;
    card.root.remove();
    cards.delete(key);
  }
}

// --- what the page says of itself -------------------------------------------------------------------------------

function showState(trouble) {
  const state = $("state");
  const words = trouble.length ? "stack unreachable" : "live";
  if (state.textContent !== words) state.textContent = words;
  state.dataset.state = trouble.length ? "down" : "live";
  const notice = $("trouble");
  const full = trouble.join("\n");
  if (notice.textContent !== full) notice.textContent = full;
  notice.hidden = !trouble.length;
}

function showEmpty() {
  $("empty").hidden = !ready || cards.size > 0;
  $("drop").classList.toggle("roomy", cards.size === 0);
}

function log(topic, name, status, task = "") {
  const first = $("lines").firstElementChild;
  if (topic === "problem" && first?.dataset.what === name) return;
  const time = new Date().toLocaleTimeString([], { hour12: false });
  const parts = [["time", time], ["topic", topic], ["task", task], ["status", topic === "problem" ? "" : status], ["name", name]];
  const line = element("li", {}, ...parts.filter(([, text]) => text).map(([kind, text]) => element("span", { className: `log-${kind}` }, text)));
  line.dataset.status = status;
  line.dataset.what = name;
  $("lines").prepend(line);
  while ($("lines").children.length > MAX_LINES) $("lines").lastElementChild.remove();
  $("latest").replaceChildren(...line.cloneNode(true).childNodes);
  $("latest").dataset.status = status;
}

let unspoken = [];
let speaking = null;

// Many results at once are one announcement.
function speak(text) {
  unspoken.push(text);
  speaking ??= setTimeout(() => {
    const more = unspoken.length - 1;
    $("spoken").textContent = more ? `${more} more results, and ${unspoken[more]}` : unspoken[0];
    unspoken = [];
    speaking = null;
  }, SPEAK_EVERY_MS);
}

setInterval(() => {
  if (Date.now() - lastSign > SILENCE_MS) showState(["The viewer does not answer. Is the stack up? Start it with: make up"]);
}, 1000);

// --- uploads ----------------------------------------------------------------------------------------------------

const queue = [];
let sending = 0;
let sent = 0;
let wanted = 0;

function upload(files) {
  if (!files.length) return;
  if (!sending) {
    $("refused").replaceChildren();
    sent = wanted = 0;
  }
  wanted += files.length;
  const question = $("question").value.trim();
  queue.push(...files.map((file) => ({ file, question })));
  while (sending < UPLOADS_AT_ONCE && queue.length) work();
}

async function work() {
  sending += 1;
  while (queue.length) {
    showProgress();
    const { file, question } = queue.shift();
    try {
      await send(file, question);
    } catch (error) {
      $("refused").append(element("li", {}, element("b", {}, `${file.name}: `), error.message));
    }
    sent += 1;
  }
  sending -= 1;
  showProgress();
}

async function send(file, question) {
  // A file name can hold half a surrogate pair, which no URL can.
  const whole = (text) => encodeURIComponent(text.toWellFormed?.() ?? text);
  const asked = question ? `&question=${whole(question)}` : "";
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  let answer;
  try {
    answer = await fetch(`api/uploads?name=${whole(file.name)}${asked}`, { method: "POST", headers, body: file });
  } catch {
    throw new Error("could not be read (is it a folder?), or the viewer does not answer.");
  }
  if (!answer.ok) throw new Error((await answer.json()).error);
}

function showProgress() {
  const refused = $("refused").children.length;
  if (sending) $("uploading").textContent = `Uploading ${Math.min(sent + 1, wanted)} of ${wanted} …`;
  else $("uploading").textContent = refused ? `${sent - refused} of ${wanted} uploaded` : `${wanted} uploaded`;
}

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
  upload([...event.dataTransfer.files]);
});
addEventListener("paste", (event) => upload([...(event.clipboardData?.files ?? [])]));
$("choose").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", () => {
  upload([...$("files").files]);
  $("files").value = "";
});
for (const toggle of document.querySelectorAll(".toggles input")) {
  toggle.addEventListener("change", () => document.body.toggleAttribute(`data-${toggle.value}`, toggle.checked));
}

showEmpty();
connect();
