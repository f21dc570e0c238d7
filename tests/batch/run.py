"""Plays very many uploads that may wait, against real processes: jobs end badly, and the tick is killed over them."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from infra.emulators import Fault
from infra.local import topology
from infra.local.process import ROOT
from shared.core import naming
from shared.core.events.envelopes import BATCH_LANE
from shared.core.gemini import prices
from shared.core.values import Usage
from tests.storm.deployment import deployed, event_of
from tests.storm.plan import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.storm.deployment import Deployment

TASK: Final = "caption"
TAKEN_FOR_DEAD_S: Final = 5.0
_LOOK_S = 0.25
_MOST_TICKS = 400
_CALLS_OF_A_LINE: Final = 3
"""Of the object store, at least, where a tick deals with the answer of a line."""
_BACKENDS: Final[dict[str, dict[str, str]]] = {
    "developer": {},
    "vertex": {"GOOGLE_GENAI_USE_ENTERPRISE": "true", "GOOGLE_CLOUD_LOCATION": "global"},
}


@dataclass(frozen=True, slots=True)
class Play:
    """How many images there are, how many of them a job takes, and how often the tick is killed.

    `spoiled` is the part of lines for each way in which a line can go wrong: missing, doubled, refused for now, and
    refused for good. `twice` is the part of events that are delivered twice.
    """

    images: int = 10_000
    backend: str = "developer"
    lines: int = 1000
    kills: int = 12
    spoiled: float = 0.01
    twice: float = 0.02
    threads: int = 16
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What was seen. `calls` are ordinary ones, and `called` results that they have paid for.

    `lines` are those that jobs have answered, `failed` those that they have not, `by_batch` results that jobs have paid
    for. `killed_at` is at which call of the object store each killed tick died. `whole_usd` is what the answers of jobs
    would have cost as calls, `half_usd` what their documents say.
    """

    images: int
    statuses: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    called: int = 0
    lines: int = 0
    failed: int = 0
    by_batch: int = 0
    jobs: int = 0
    ticks: int = 0
    killed_at: list[int] = field(default_factory=list)
    whole_usd: float = 0.0
    half_usd: float = 0.0
    seconds: float = 0.0
    left: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """What must never be."""
        expected: dict[str, tuple[Any, Any]] = {
            "results": (dict(self.statuses), {"ok": self.images}),
            "paid lines and calls": (self.lines + self.calls, self.images),
            "results that a job has paid for": (self.by_batch, self.lines),
            "results that a call has paid for": (self.called, self.calls),
            "left in the work bucket": (self.left, []),
        }
        found = [f"{name}: expected {wanted}, found {is_}" for name, (is_, wanted) in expected.items() if is_ != wanted]
        if abs(self.half_usd - self.whole_usd / 2) > 1e-6 * self.images:
            found.append(f"price: expected half of {self.whole_usd:.6f} dollars, found {self.half_usd:.6f}")
        if self.calls > self.failed:
            found.append(f"calls: expected one for a failed line at most, found {self.calls} for {self.failed}")
        return found


def play(wanted: Play, state_dir: Path, *, say: Callable[[str], None]) -> Outcome:
    """Start everything, let all images be answered, and tell what was seen."""
    env = {
        "BATCH": "true",
        "BATCH_LINES": str(wanted.lines),
        "MAX_USD_PER_DAY": "1000",
        "THREADS": str(wanted.threads),
        **_BACKENDS[wanted.backend],
    }
    emulators = {"gemini": ("--batch-seconds", "0.5"), "pubsub": ("--push-concurrency", str(4 * wanted.threads))}
    with deployed((TASK,), state_dir, env=env, emulators=emulators) as deployment:
        return _Stage(wanted, deployment, env, say).play()


class _Stage:
    def __init__(
        self, wanted: Play, deployment: Deployment, env: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._wanted = wanted
        self._deployment = deployment
        self._env = {**deployment.env, **env}
        self._say = say
        self._lots = random.Random(wanted.seed)
        self._outcome = Outcome(wanted.images)

    def play(self) -> Outcome:
        begun_s = time.monotonic()
        self._upload()
        self._spoil()
        self._follow()
        self._count()
        self._outcome.seconds = time.monotonic() - begun_s
        return self._outcome

    def _upload(self) -> None:
        """Upload all, publish all events, some of them twice, and wait until every ask is kept."""
        with ThreadPoolExecutor(8) as pool:
            names = (f"photos/{number % 7}/{number:06}.jpg" for number in range(self._wanted.images))
            pictures = (picture(number % 500) for number in range(self._wanted.images))
            sources = list(pool.map(self._deployment.upload, names, pictures))
        events = [replace(event_of(source, TASK), lane=BATCH_LANE) for source in sources]
        again = [event for event in events if self._lots.random() < self._wanted.twice]
        self._deployment.publish([*events, *again])
        while (kept := len(self._names(topology.WORK, naming.BATCH_LINES))) < len(events):
            time.sleep(_LOOK_S)
        self._say(f"{kept} asks wait")

    def _spoil(self) -> None:
        """Plan what goes wrong: the first job ends half done, the second in another order, some lines everywhere."""
        share, seed = self._wanted.spoiled, self._wanted.seed
        half = min(self._wanted.lines, self._wanted.images) // 2
        faults = [
            Fault("ends", bytes=half),
            Fault("reordered"),
            *(Fault(kind, operation="batches.line", times=0, share=share, seed=seed + at)
              for at, kind in enumerate(("missing", "doubled"))),
            *(Fault("status", operation="batches.line", status=status, times=0, share=share, seed=seed + status)
              for status in (503, 400)),
        ]  # fmt: skip
        for fault in faults:
            self._deployment.gemini.add(fault)

    def _follow(self) -> None:
        """Let ticks come until everything is done; some are killed, each at another call."""
        outcome = self._outcome
        while outcome.ticks < _MOST_TICKS and not self._done():
            self._tick(killed=len(outcome.killed_at) < self._wanted.kills)
        self._say(f"{outcome.ticks} ticks, {len(outcome.killed_at)} of them killed, at their calls {outcome.killed_at}")

    def _done(self) -> bool:
        waits = self._names(topology.WORK, naming.BATCH_LINES) or self._open_records()
        return not waits and len(self._results()) >= self._wanted.images

    def _tick(self, *, killed: bool) -> None:
        """Let a tick come; one that is to be killed dies at a call of its own, most often at one of the first."""
        argv = [sys.executable, "-m", "tests.batch.tick", str(TAKEN_FOR_DEAD_S)]
        call = round(math.exp(self._lots.uniform(0, math.log(_CALLS_OF_A_LINE * self._wanted.lines))))
        argv += [str(call)] if killed else []
        ended = subprocess.run(argv, cwd=ROOT, env=self._env, capture_output=True, text=True, check=False)
        self._outcome.ticks += 1
        if ended.returncode == -signal.SIGKILL:
            self._outcome.killed_at.append(call)
        else:
            self._outcome.said += ended.stderr.splitlines()[-3:]
            time.sleep(_LOOK_S)

    def _open_records(self) -> bool:
        blobs = self._deployment.storage.list_blobs(topology.WORK, prefix=naming.BATCH_RECORDS)
        states = [(blob.metadata or {}).get("uplook-batch-state") for blob in blobs]
        self._outcome.jobs = len(states)
        return any(state != "closed" for state in states)

    def _count(self) -> None:
        outcome, results = self._outcome, self._deployment.storage.bucket(topology.RESULTS)
        with ThreadPoolExecutor(8) as pool:
            documents = [json.loads(data) for data in pool.map(_download, map(results.blob, self._results()))]
        for document in documents:
            outcome.statuses[document["status"]] += 1
            usage = document["usage"] or {}
            if usage.get("tier") != "batch":
                outcome.called += 1
                continue
            outcome.by_batch += 1
            outcome.half_usd += usage["cost_usd"]
            outcome.whole_usd += _price_of_calls(document)
        counts = self._deployment.gemini.call("GET", "/_control/calls")
        outcome.lines, outcome.failed = counts["lines"], counts["failed_lines"]
        outcome.calls = counts["total"] - outcome.lines - outcome.failed
        outcome.left = [
            name for each in (naming.BATCH_LINES, naming.BATCH_FILES) for name in self._names(topology.WORK, each)
        ]

    def _results(self) -> list[str]:
        return [name for name in self._names(topology.RESULTS, "v1/") if name.endswith(".json")]

    def _names(self, bucket: str, prefix: str) -> list[str]:
        return [blob.name for blob in self._deployment.storage.list_blobs(bucket, prefix=prefix)]


def _download(blob: Any) -> bytes:
    data: bytes = blob.download_as_bytes()
    return data


def _price_of_calls(document: Mapping[str, Any]) -> float:
    """Return what the answer would have cost as an ordinary call."""
    said, model = document["usage"], document["model"]
    usage = Usage(said["prompt_tokens"], said["output_tokens"], said["thought_tokens"], said["total_tokens"])
    day = dt.date.fromisoformat(document["created"][:10])
    price = prices.spent_usd(model["requested"], served=model["served"], usage=usage, day=day)
    assert price is not None
    return price
