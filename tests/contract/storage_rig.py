"""What the contract tests of the storage emulator need: the real client, and a fresh bucket for each test."""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as gcs

from shared.adapters.storage import GoogleStorage
from tests.contract.storage_deviations import known
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator


def _url(host: str) -> str:
    """Return the URL of a server that may be named without a scheme, as some client libraries want it."""
    return (host if "://" in host or not host else f"http://{host}").rstrip("/")


# Read at import, which is at collection: the suite removes such variables before its first test.
GIVEN_URL = _url(os.environ.get("STORAGE_EMULATOR_HOST", ""))
"""Another server to run the suites against; empty: none."""
GIVEN_DEVIATIONS = known(os.environ.get("STORAGE_EMULATOR_NAME"))


@dataclass(frozen=True, slots=True)
class Rig:
    """One running emulator; `bucket` belongs to one test."""

    url: str
    client: Any
    bucket: Any

    def upload_url(self, kind: str, name: str, **query: str) -> str:
        more = "".join(f"&{key}={value}" for key, value in query.items())
        return f"{self.url}/upload/storage/v1/b/{self.bucket.name}/o?uploadType={kind}&name={name}{more}"

    def media_url(self, name: str) -> str:
        return f"{self.url}/download/storage/v1/b/{self.bucket.name}/o/{name}?alt=media"

    def start_resumable(self, name: str, headers: dict[str, str] | None = None) -> str:
        answer = requests.post(self.upload_url("resumable", name), json={}, headers=headers, timeout=WAIT_S)
        return answer.headers["location"]


def adapter(url: str, *, retry_s: float = WAIT_S, timeout_s: float = 60) -> GoogleStorage:
    """Return our adapter, with all the time that retries may need; where it is to give up, `retry_s` is short."""
    return GoogleStorage(project="local-dev", emulator_host=url, connections=4, retry_s=retry_s, timeout_s=timeout_s)


@contextlib.contextmanager
def rig(url: str) -> Iterator[Rig]:
    """Yield the client and a bucket of an emulator at `url`."""
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call] # google-auth ships without annotations here
    client = gcs.Client(project="local-dev", credentials=credentials, client_options={"api_endpoint": url})
    with client:
        yield Rig(url, client, new_bucket(client))


def new_bucket(client: Any, **settings: Any) -> Any:
    """Return a bucket no other test knows."""
    bucket = client.bucket(f"bucket-{uuid.uuid4().hex}")
    for name, value in settings.items():
        setattr(bucket, name, value)
    return client.create_bucket(bucket)


def put(url: str, data: bytes, **headers: str) -> requests.Response:
    """PUT `data`; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.put(url, data=data, headers=named, timeout=WAIT_S)
