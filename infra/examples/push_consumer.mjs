// A consumer in Node (20 or newer) without packages, and without a line of ours: it knows what the two JSON Schemas say,
// shared/core/results/result_event.schema.json and result.schema.json, and what docs/consumers.md promises.
//
// It is the endpoint of a push subscription on the result topic. PORT is where it listens (0: any free port). Against a
// local stack, STORAGE_EMULATOR_HOST names the storage; on Google Cloud a token comes from the metadata server.

import { createServer } from "node:http";

const storage = process.env.STORAGE_EMULATOR_HOST ?? "https://storage.googleapis.com";
const MAX_PUSH_BYTES = 20_000_000; // twice what Pub/Sub delivers at most
const READ_TIMEOUT_MS = 60_000;

class Unknown extends Error {} // a message of a version that this program was not written for

export function eventOf(push) {
  const event = JSON.parse(Buffer.from(push.message.data ?? "", "base64").toString("utf-8"));
  // Within version 1 there may be more fields and more values than today: "uplook.result-event/1" or ".../1.x".
  if (!/^uplook\.result-event\/1(\.|$)/.test(event.schema)) throw new Unknown(`expected version 1, found ${event.schema}`);
  return event;
}

async function token() {
  if (process.env.STORAGE_EMULATOR_HOST) return {};
  const url = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
  const answer = await fetch(url, { headers: { "Metadata-Flavor": "Google" }, signal: AbortSignal.timeout(5_000) });
  if (!answer.ok) throw new Error(`the metadata server answers ${answer.status}`);
  return { Authorization: `Bearer ${(await answer.json()).access_token}` };
}

// The bytes of an object, or null where it is gone: results may expire, or be erased.
export async function read(bucket, name) {
  const url = `${storage}/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)}?alt=media`;
  const answer = await fetch(url, { headers: await token(), signal: AbortSignal.timeout(READ_TIMEOUT_MS) });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`gs://${bucket}/${name}: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

// Whatever this throws asks for the event once more; returning acknowledges it.
export async function handle(event) {
  if (event.result === null) {
    console.log(JSON.stringify({ id: event.id, status: event.status, until: event.until ?? null }));
    return; // held: another event follows, with the same id
  }
  const [, bucket, name] = /^gs:\/\/([^/]+)\/(.+)$/.exec(event.result);
  const bytes = await read(bucket, name);
  if (bytes === null) return; // erased meanwhile
  const result = JSON.parse(bytes.toString("utf-8"));
  const found = [];
  for (const item of result.items ?? []) {
    if (item.status !== "ok") continue;
    // The file of a mask is the name of an object in the bucket of the result.
    const mask = item.mask?.status === "ok" ? await read(bucket, item.mask.file) : null;
    found.push({ label: item.label, box_px: item.box_px, mask_bytes: mask === null ? null : mask.length });
  }
  const about = result.source.name;
  console.log(JSON.stringify({ id: event.id, status: result.status, about, found, error: result.error?.code ?? null }));
}

async function body(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_PUSH_BYTES) throw new Error("the push is too large");
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString("utf-8"));
}

const server = createServer(async (request, response) => {
  try {
    await handle(eventOf(await body(request)));
    response.writeHead(204).end(); // acknowledged
  } catch (error) {
    console.error(`not handled: ${error.message}`);
    // Anything but 2xx is delivered again, and after the subscription's attempts is in its dead-letter topic.
    response.writeHead(error instanceof Unknown ? 422 : 503).end();
  }
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`);
});
