// The page: what belongs together is put together here, and what the viewer says is handed on.

import { READ_ONLY, SILENT } from "./api.js";
import { Breaking } from "./breaking.js";
import { Filters, overviewWords, useWords } from "./filters.js";
import { Gallery } from "./gallery.js";
import { Large } from "./large.js";
import { Log } from "./log.js";
import { Uploads } from "./uploads.js";

const SILENCE_MS = 10_000; // the viewer sends a heartbeat every 3 s
const GATHER_MS = 250; // many changes at once are one look

const $ = (id) => document.getElementById(id);
let ready = false;
let complete = false; // what the viewer had found when this page was opened is shown
let told = { trouble: [] };
let lastSign = Date.now();
let looked = new Date();

const log = new Log({ lines: $("lines"), latest: $("latest"), spoken: $("spoken") });
const filters = new Filters($("filters"), { changed: () => gallery.refresh() });
const gallery = new Gallery($("cards"), {
  filters: () => filters.values,
  open: (key) => large.show(key),
  told: showOverview,
  failed: (message) => log.problem(message),
});
const large = new Large($, { filters: () => filters.values, closed: (key) => gallery.focus(key) });
if (!READ_ONLY) {
  new Uploads($);
  new Breaking($, { open: (key) => large.show(key) });
}

// --- what the viewer says ---------------------------------------------------------------------------------------

function connect() {
  const events = new EventSource("api/events");
  const on = (kind, handle) =>
    events.addEventListener(kind, (event) => {
      lastSign = Date.now();
      handle(JSON.parse(event.data));
    });
  on("heartbeat", showState);
  on("changed", lookAgain);
  on("history", (entries) => log.begin(entries));
  on("log", (entry) => {
    log.add(entry);
    if (entry.kind === "announced") log.speak(entry);
  });
  on("problem", ({ message }) => log.problem(message));
  on("ready", () => {
    ready = true;
    lookAgain();
  });
  events.addEventListener("error", () => {
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(connect, 3000); // refused rather than unreachable: the browser would not try again
  });
}

let looking = null;

function lookAgain() {
  looking ??= setTimeout(async () => {
    looking = null;
    looked = new Date();
    await gallery.refresh({ keep: true });
    large.refresh();
    if (!ready || complete) return;
    complete = true;
    showState(told);
  }, GATHER_MS);
}

function showState(heard) {
  told = heard;
  const { trouble, unread = 0 } = heard;
  const state = $("state");
  const reading = unread ? `reading ${unread.toLocaleString("en")} more results …` : complete ? null : "reading …";
  const [away, there] = READ_ONLY ? ["buckets unreachable", `as of ${looked.toLocaleTimeString([], { hour12: false })}`] : ["stack unreachable", "live"];
  const words = trouble.length ? away : reading ?? there;
  if (state.textContent !== words) state.textContent = words;
  state.dataset.state = trouble.length ? "down" : reading ? "reading" : "live";
  const notice = $("trouble");
  const full = trouble.join("\n");
  if (notice.textContent !== full) notice.textContent = full;
  notice.hidden = !trouble.length;
}

function showOverview({ matched, overview }) {
  const { images, use } = overview;
  $("overview").textContent = images ? overviewWords(overview) : "";
  $("use").textContent = useWords(use);
  $("remote").hidden = !use.calls;
  $("honest").hidden = !use.local_calls;
  filters.show(overview);
  $("found").textContent = filters.any ? `${matched.toLocaleString("en")} of ${images.toLocaleString("en")} shown` : "";
  $("filters").hidden = !images;
  $("clear").hidden = !filters.any;
  $("empty").hidden = !ready || images > 0;
  $("drop").classList.toggle("roomy", ready && images === 0);
}

setInterval(() => {
  if (Date.now() - lastSign > SILENCE_MS) showState({ trouble: [SILENT] });
}, 1000);

for (const toggle of document.querySelectorAll(".toggles input")) {
  toggle.addEventListener("change", () => document.body.toggleAttribute(`data-${toggle.value}`, toggle.checked));
}
$("clear").addEventListener("click", () => filters.clear());
addEventListener("hashchange", openNamed);

function openNamed() {
  const key = decodeURIComponent(location.hash.slice(1));
  if (key.includes("/")) large.show(key);
}

connect();
openNamed();
