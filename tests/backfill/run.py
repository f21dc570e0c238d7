"""Plays one backfill against real processes: killed by SIGKILL again and again, with live uploads in the middle."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.local import topology
from infra.local.process import ROOT, without_proxy
from tests.storm.deployment import deployed, event_of, paths_of
from tests.storm.plan import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.storm.deployment import Deployment

_POLL_S, _LOOK_S = 0.02, 0.25
_BARE = """\
import sys
from infra.local.resources import storage_client
print(sum(1 for _ in storage_client(sys.argv[1]).list_blobs("uploads")))
"""


@dataclass(frozen=True, slots=True)
class Play:
    """How many objects there are, which tasks they get, and how often the command is killed.

    A `pilot` of so many objects goes before, for the estimate to learn from. Each measurement of a live upload is made
    `live` times, and each of a listing `listings` times.
    """

    objects: int = 10_000
    tasks: tuple[str, ...] = ("caption", "detect")
    kills: int = 3
    pilot: int = 50
    live: int = 10
    listings: int = 3
    threads: int = 16
    model_latency_ms: int = 200
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What was seen. Times in seconds, dollars at list price; `after` holds what `cost` says."""

    wanted: int
    calls: int = 0
    results: int = 0
    failures: int = 0
    kills: int = 0
    seconds: float = 0.0
    bare_s: list[float] = field(default_factory=list)
    dry_s: list[float] = field(default_factory=list)
    guessed_usd: float = 0.0
    estimated_usd: float = 0.0
    cost_usd: float = 0.0
    usual_s: list[float] = field(default_factory=list)
    busy_s: list[float] = field(default_factory=list)
    last: Mapping[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """What must never be: calls, results and estimates; how long things take is told, and judged by who asks."""
        found = []
        if self.calls != self.wanted:
            found.append(f"calls: expected {self.wanted}, found {self.calls}")
        if self.results != self.wanted:
            found.append(f"results: expected {self.wanted}, found {self.results}")
        if self.failures:
            found.append(f"failures: {self.failures}")
        if self.last.get("outstanding") != 0:
            found.append(f"outstanding at the end: {self.last.get('outstanding')}")
        if not 0.8 * self.cost_usd <= self.estimated_usd <= 1.2 * self.cost_usd:
            found.append(f"estimate: {self.estimated_usd:.4f} dollars, cost: {self.cost_usd:.4f}")
        return found

    @property
    def live_ratio(self) -> float:
        """How many times as long a live upload takes while a backfill is at work."""
        return statistics.median(self.busy_s) / statistics.median(self.usual_s)

    @property
    def dry_ratio(self) -> float:
        """How many times as long a dry run takes as a bare listing."""
        return statistics.median(self.dry_s) / statistics.median(self.bare_s)


def play(wanted: Play, state_dir: Path, *, say: Callable[[str], None]) -> Outcome:
    """Start everything, look at all objects, and tell what was seen."""
    rules = state_dir / "rules.toml"
    rules.write_text(f"[defaults]\ntasks = {json.dumps(wanted.tasks)}\n", encoding="utf-8")
    env = {"THREADS": str(wanted.threads), "RULES_FILE": str(rules)}
    emulators = {
        "gemini": ("--latency-ms", str(wanted.model_latency_ms)),
        "pubsub": ("--push-concurrency", str(4 * wanted.threads)),
    }
    with deployed(wanted.tasks, state_dir, env=env, emulators=emulators) as deployment:
        stage = _Stage(wanted, deployment, deployment.endpoints.function_env() | env, say)
        return stage.play()


class _Stage:
    def __init__(
        self, wanted: Play, deployment: Deployment, env: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._wanted = wanted
        self._deployment = deployment
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **without_proxy(os.environ), **env}
        self._say = say
        self._lots = random.Random(wanted.seed)
        self._live = 0
        self._outcome = Outcome(wanted.objects * len(wanted.tasks))

    def play(self) -> Outcome:
        outcome, wanted = self._outcome, self._wanted
        self._upload()
        self._measure_listings()
        outcome.guessed_usd = self._estimate()
        outcome.usual_s = [self._live_upload() for _ in range(wanted.live)]
        self._say(f"a live upload usually takes {statistics.median(outcome.usual_s):.2f} s")
        self._command("--limit", str(wanted.pilot))
        pilot_usd = self._cost()
        outcome.estimated_usd = self._estimate()
        self._say(
            f"estimated: {outcome.guessed_usd:.4f} dollars by rules of thumb, {outcome.estimated_usd:.4f} learned"
        )
        self._backfill()
        outcome.cost_usd = self._cost() - pilot_usd
        self._count()
        return outcome

    def _upload(self) -> None:
        begun_s = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            names = (f"photos/{number % 7}/{number:06}.jpg" for number in range(self._wanted.objects))
            pictures = (picture(number % 500) for number in range(self._wanted.objects))
            list(pool.map(self._deployment.upload, names, pictures))
        self._say(f"{self._wanted.objects} objects were uploaded in {time.monotonic() - begun_s:.0f} s")

    def _measure_listings(self) -> None:
        url = self._deployment.endpoints.storage
        for _ in range(self._wanted.listings):
            for told, argv in (
                (self._outcome.bare_s, [sys.executable, "-c", _BARE, url]),
                (self._outcome.dry_s, self._argv("--dry-run", "--json")),
            ):
                begun_s = time.monotonic()
                self._run(argv)
                told.append(time.monotonic() - begun_s)
        self._say(f"bare listings {_shown(self._outcome.bare_s)}, dry runs {_shown(self._outcome.dry_s)}")

    def _estimate(self) -> float:
        usd: float = json.loads(self._run(self._argv("--dry-run", "--json")))["total"]["usd"]["likely"]
        return usd

    def _cost(self) -> float:
        """Return what all results of the bucket's objects have cost, but for those of live uploads."""
        place = f"gs://{topology.RESULTS}/v1/{topology.UPLOADS}/photos/"
        argv = [sys.executable, "-m", "shared.operate", "cost", place, "--json"]
        usd: float = json.loads(self._run(argv))["total"]["usd"]
        return usd

    def _backfill(self) -> None:
        """Let the command work, and kill it as planned; live uploads are measured before the first kill."""
        begun_s, before = time.monotonic(), self._acked()
        expected = self._outcome.wanted - before
        for part in sorted(self._lots.uniform(0.1, 0.8) for _ in range(self._wanted.kills)):
            process = self._begin()
            while process.poll() is None and self._acked() - before < part * expected:
                time.sleep(_LOOK_S)
            if not self._outcome.busy_s:
                self._outcome.busy_s = [self._live_upload() for _ in range(self._wanted.live)]
                self._say(f"a live upload beside the backfill takes {_shown(self._outcome.busy_s)}")
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                self._outcome.kills += 1
            process.communicate()
            self._say(f"killed when {self._acked() - before} of {expected} events were acknowledged")
        told, said = self._begin().communicate()
        self._outcome.seconds = time.monotonic() - begun_s
        self._outcome.last = json.loads(told)
        self._outcome.said = said.splitlines()

    def _acked(self) -> int:
        """Return how many events of the lane are done."""
        return sum(self._deployment.stats(f"backfill-{task}")["acked"] for task in self._wanted.tasks)

    def _live_upload(self) -> float:
        """Upload an image and publish its event, as ingest does; return how long its result takes."""
        task = self._wanted.tasks[0]
        self._live += 1
        source = self._deployment.upload(f"live/{self._live}.jpg", picture(10_000 + self._live))
        event = event_of(source, task)
        begun_s = time.monotonic()
        self._deployment.publish([event])
        bucket, name = self._deployment.storage.bucket(topology.RESULTS), paths_of(event).result
        while bucket.get_blob(name) is None:
            time.sleep(_POLL_S)
        seconds = time.monotonic() - begun_s
        self._deployment.storage.bucket(topology.UPLOADS).blob(source.name).delete()
        return seconds

    def _count(self) -> None:
        outcome = self._outcome
        names = [
            blob.name for blob in self._deployment.storage.list_blobs(topology.RESULTS, prefix="v1/uploads/photos/")
        ]
        outcome.failures = sum(".error-" in name for name in names)
        outcome.results = sum(name.endswith(".json") for name in names) - outcome.failures
        outcome.calls = self._deployment.gemini.call("GET", "/_control/calls")["total"] - self._live

    def _argv(self, *options: str) -> list[str]:
        place = f"gs://{topology.UPLOADS}/photos/"
        return [sys.executable, "-m", "shared.operate", "backfill", place, *options]

    def _command(self, *options: str) -> None:
        self._run(self._argv(*options, "--json"))

    def _begin(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._argv("--json"),
            cwd=ROOT,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _run(self, argv: Sequence[str]) -> str:
        done = subprocess.run(argv, cwd=ROOT, env=self._env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv[3:]}: {done.returncode}\n{done.stderr[-3000:]}"
        return done.stdout


def _shown(seconds: Sequence[float]) -> str:
    return f"{', '.join(f'{each:.2f}' for each in seconds)} s"
