"""Handlers that make the client calls of Uplook's functions and do nothing else: what these are measured against.

functions-framework serves this file in place of `main.py`. Nothing here checks, retries, logs or reads an answer. What
is asked, and how large the files of an answer are, was seen of Uplook's own function (`BARE_REQUESTS`). Each client is
imported at its first call, like Uplook's, so that both have as much behind them at the first request to the model.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

import functions_framework

_lock = threading.Lock()
_OVERLAY, _CONNECTIONS = "image/jpeg", 320
_TIMEOUT_S = 60


@functions_framework.cloud_event
def worker(event: Any) -> None:
    """Make the calls of a worker: a lease, the upload, the model, the journal, files, the document, its event."""
    told = json.loads(base64.b64decode(event.data["message"]["data"]))
    source, asked = told["source"], _requests()[told["task"]]
    place = f"bare/{told['run']}/{told['task']}"
    storage = _client(_storage)
    _create(storage, os.environ["WORK_BUCKET"], f"{place}/lease.json", b"{}")
    blob = storage.bucket(source["bucket"]).blob(source["name"], generation=int(source["generation"]))
    image = blob.download_as_bytes(raw_download=True)
    reply = _asked(image, source["content_type"], asked)
    _create(storage, os.environ["WORK_BUCKET"], f"{place}/reply.json", reply)
    results = os.environ["RESULTS_BUCKET"]
    for number, size in enumerate(asked["file_bytes"]):
        _create(storage, results, f"{place}/file-{number}", bytes(size), content_type=_OVERLAY)
    _create(storage, results, f"{place}.json", reply)
    _publish(os.environ["RESULT_TOPIC"], reply[:1000])


@functions_framework.cloud_event
def ingest(event: Any) -> None:
    """Publish one image event about an upload."""
    told = event.data
    source = {key: told[key] for key in ("bucket", "name", "generation")} | {"content_type": told["contentType"]}
    document = {"source": source, "task": "caption", "run": f"g{told['generation']}"}
    _publish(os.environ["IMAGE_TOPIC"], json.dumps(document).encode(), task="caption")


@functions_framework.cloud_event
def dead_letter(event: Any) -> None:
    """Write a lease and a failure, and announce that."""
    told = json.loads(base64.b64decode(event.data["message"]["data"]))
    place, storage = f"bare/{told['run']}/dead", _client(_storage)
    _create(storage, os.environ["WORK_BUCKET"], f"{place}/lease.json", b"{}")
    _create(storage, os.environ["RESULTS_BUCKET"], f"{place}.json", b"{}")
    _publish(os.environ["RESULT_TOPIC"], b"{}")


@functions_framework.cloud_event
def release(event: Any) -> None:
    """Look for something to do, in vain."""
    del event
    list(_client(_storage).list_blobs(os.environ["WORK_BUCKET"], prefix="parked/"))


@functions_framework.cloud_event
def forget(event: Any) -> None:
    """Look for what was made of an upload, in vain."""
    list(_client(_storage).list_blobs(os.environ["RESULTS_BUCKET"], prefix=f"bare/{event.data['name']}"))


def _create(client: Any, bucket: str, name: str, data: bytes, *, content_type: str = "application/json") -> None:
    blob = client.bucket(bucket).blob(name)
    blob.upload_from_string(data, content_type=content_type, if_generation_match=0, checksum="crc32c")


def _asked(image: bytes, mime_type: str, asked: dict[str, Any]) -> bytes:
    client = _client(_gemini)
    from google.genai import types

    contents = [types.Part.from_bytes(data=image, mime_type=mime_type), types.Part.from_text(text=asked["prompt"])]
    thinking = asked["thinking_level"] and types.ThinkingConfig(thinking_level=asked["thinking_level"].upper())
    config = types.GenerateContentConfig(
        max_output_tokens=asked["max_output_tokens"],
        response_mime_type="application/json" if asked["schema"] else None,
        response_json_schema=asked["schema"],
        thinking_config=thinking or None,
        automatic_continuation=False,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        should_return_http_response=True,
    )
    reply = client.models.generate_content(model=asked["model"], contents=contents, config=config)
    body: str = reply.sdk_http_response.body
    return body.encode()


def _publish(topic: str, data: bytes, **attributes: str) -> None:
    _client(_pubsub).publish(topic=topic, messages=[{"data": data, "attributes": attributes}], timeout=_TIMEOUT_S)


def _client(make: Any) -> Any:
    """Return a client, made once: two first events at once must not make two."""
    with _lock:
        return make()


@cache
def _storage() -> Any:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage
    from requests.adapters import HTTPAdapter

    client = storage.Client(
        project=os.environ["GOOGLE_CLOUD_PROJECT"],
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": os.environ["STORAGE_EMULATOR_HOST"]},
    )
    client._http.mount("http://", HTTPAdapter(pool_maxsize=_CONNECTIONS))  # noqa: SLF001 - for as many events at once
    return client


@cache
def _gemini() -> Any:
    import httpx2
    from google import genai
    from google.genai import types

    limits = httpx2.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    options = types.HttpOptions(base_url=os.environ["GOOGLE_GEMINI_BASE_URL"], client_args={"limits": limits})
    return genai.Client(enterprise=False, api_key=os.environ["GEMINI_API_KEY"], http_options=options)


@cache
def _pubsub() -> Any:
    import grpc
    from google.pubsub_v1 import PublisherClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    channel = grpc.insecure_channel(os.environ["PUBSUB_EMULATOR_HOST"])
    return PublisherClient(transport=PublisherGrpcTransport(channel=channel))


@cache
def _requests() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(Path(os.environ["BARE_REQUESTS"]).read_text(encoding="utf-8"))
    return found
