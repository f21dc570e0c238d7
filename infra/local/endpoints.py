"""Where a running stack listens, as the standard variables of the client libraries, and as a file of them."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from infra.local import topology

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENV_FILE = "stack.env"
STATE_FILE = "stack.json"
LOCAL_KEY = "placeholder-of-the-local-stack"
"""The key of our own Gemini emulator: no secret, nothing like a real key, and the only one that is ever written."""

MARKER = "UPLOOK_STACK"
"""In `stack.env`: everything else that it holds, so that a later stack knows what a shell has from it."""
_SEPARATOR = ","


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of the services; `gemini` is None where the environment already said which Gemini to use.

    `vertex`: the functions reach it as Vertex, without a key. `pubsub_control`: where our own Pub/Sub emulator tells
    what waits.
    """

    storage: str
    pubsub: str
    gemini: str | None
    viewer: str | None = None
    vertex: bool = False
    pubsub_control: str | None = None

    def client_env(self) -> dict[str, str]:
        """Return what an ordinary client program needs in its environment."""
        env = {
            "STORAGE_EMULATOR_HOST": self.storage,
            "PUBSUB_EMULATOR_HOST": self.pubsub,
            "GOOGLE_CLOUD_PROJECT": topology.PROJECT,
        }
        if self.gemini:
            access = {"GOOGLE_GENAI_USE_ENTERPRISE": "true"} if self.vertex else {"GEMINI_API_KEY": LOCAL_KEY}
            env |= {"GOOGLE_GEMINI_BASE_URL": self.gemini, **access}
        return env

    def function_env(self) -> dict[str, str]:
        """Return the environment of the functions: the same names as deployed."""
        return self.client_env() | {
            "UPLOAD_BUCKETS": topology.UPLOADS,
            "RESULTS_BUCKET": topology.RESULTS,
            "WORK_BUCKET": topology.WORK,
            "IMAGE_TOPIC": topology.topic_path(topology.IMAGE_EVENTS),
            "BACKFILL_TOPIC": topology.topic_path(topology.IMAGE_BACKFILL),
            "RESULT_TOPIC": topology.topic_path(topology.IMAGE_RESULTS),
            "TIMEOUT_S": str(topology.WORKER_TIMEOUT_S),
            "LEASE_TTL_S": str(topology.LEASE_TTL_S),
            "LOG_FORMAT": "text",
        }


@dataclass(frozen=True, slots=True)
class State:
    """A running stack, for `down` and for whoever asks: process ids by name."""

    supervisor: int
    endpoints: Endpoints
    children: Mapping[str, int] = field(default_factory=dict)


def write(
    state: State, state_dir: Path, *, chosen: Mapping[str, str] | None = None, given: Mapping[str, str] | None = None
) -> None:
    """Write `stack.env` (for people and their programs) and then `stack.json` (which says: ready).

    `chosen` are settings of the functions that the stack has chosen itself, `given` those that it was started with:
    so that `plan` in another shell sees what the functions see. A later stack takes what was given for given.
    """
    names = {
        "UPLOADS_BUCKET": topology.UPLOADS,
        "UPLOAD_BUCKETS": topology.UPLOADS,
        "RESULTS_BUCKET": topology.RESULTS,
        "WORK_BUCKET": topology.WORK,
        "IMAGE_TOPIC": topology.topic_path(topology.IMAGE_EVENTS),
        "BACKFILL_TOPIC": topology.topic_path(topology.IMAGE_BACKFILL),
        "RESULT_TOPIC": topology.topic_path(topology.IMAGE_RESULTS),
        "TIMEOUT_S": str(topology.WORKER_TIMEOUT_S),
        "LEASE_TTL_S": str(topology.LEASE_TTL_S),
        **({"VIEWER_URL": state.endpoints.viewer} if state.endpoints.viewer else {}),
        **({"PUBSUB_CONTROL_URL": state.endpoints.pubsub_control} if state.endpoints.pubsub_control else {}),
    }
    lines = [f"{key}={value}" for key, value in (state.endpoints.client_env() | names | dict(chosen or {})).items()]
    lines.append(f"{MARKER}={_SEPARATOR.join(lines)}")
    lines += [f"{key}={shlex.quote(value)}" for key, value in (given or {}).items()]
    (state_dir / ENV_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (state_dir / STATE_FILE).write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")


def marked(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, with their values, that some `stack.env` put into this environment.

    >>> marked({"UPLOOK_STACK": "STORAGE_EMULATOR_HOST=http://127.0.0.1:1,GEMINI_API_KEY=x"})
    {'STORAGE_EMULATOR_HOST': 'http://127.0.0.1:1', 'GEMINI_API_KEY': 'x'}
    """
    pairs = (entry.partition("=") for entry in environ.get(MARKER, "").split(_SEPARATOR))
    return {name: value for name, separator, value in pairs if separator}


def stale(environ: Mapping[str, str]) -> set[str]:
    """Return the variables that still are what some `stack.env` made them: nobody has set them."""
    return {name for name, value in marked(environ).items() if environ.get(name) == value}


def read(state_dir: Path) -> State | None:
    """Return the stack that was started with this folder and not stopped since, or None."""
    try:
        document = json.loads((state_dir / STATE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return State(document["supervisor"], Endpoints(**document["endpoints"]), document["children"])


def remove(state_dir: Path) -> None:
    """Forget a stack that has ended."""
    for name in (STATE_FILE, ENV_FILE):
        (state_dir / name).unlink(missing_ok=True)
