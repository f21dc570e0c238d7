// What the page asks the viewer for. Every answer that is no answer becomes an error in words.

// A deployment's page only shows; a local stack's takes uploads, acts on images and breaks things, too.
export const READ_ONLY = document.body.hasAttribute("data-read-only");
export const SILENT = READ_ONLY ? "The viewer does not answer. Load the page anew: you may have to sign in again." : "The viewer does not answer. Is the stack up? Start it with: make up";

export async function getJson(path) {
  return read(await reach(path));
}

export async function postJson(path, body) {
  const headers = { "Content-Type": "application/json" };
  return read(await reach(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

export function imagesPath({ offset = 0, limit = 60, around = "" }, filters) {
  const query = new URLSearchParams({ offset, limit });
  if (around) query.set("around", around);
  for (const [key, value] of Object.entries(filters)) if (value) query.set(key, value);
  return `api/images?${query}`;
}

export const keyed = (path, key) => `${path}?key=${encodeURIComponent(key)}`;

// Sends one file; `progressed` hears how many of its bytes are on their way. A fetch cannot tell.
export function sendFile(path, file, progressed) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.addEventListener("progress", (event) => progressed(event.loaded));
    request.addEventListener("error", () => reject(new Error("could not be read (is it a folder?), or the viewer does not answer.")));
    request.addEventListener("abort", () => reject(new Error("was given up.")));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(new Error(messageOf(request.responseText)));
    });
    request.send(file);
  });
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Error(SILENT);
  }
}

async function read(answer) {
  if (!answer.ok) throw new Error(messageOf(await answer.text()));
  return answer.json();
}

function messageOf(text) {
  try {
    const { error } = JSON.parse(text);
    return error.message ?? error;
  } catch {
    return `The viewer answered: ${text.slice(0, 200)}`;
  }
}
