"""The deployed system as the simulation takes it: Terraform's figures, what was measured, and the platform's limits."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra.load.calibration import INGEST, LATENCIES
from infra.load.system import Function, Pushing, Step, System, Waits, Work
from shared.core.gemini.registry import checked_on
from tests.costs import deployment, prices
from tests.costs.data import last_run
from tests.costs.machines import concurrency, instance_usd_per_s
from tests.costs.prices import usd_of
from tests.costs.run import DEFAULT_TASKS, PICTURES, Ask
from tests.policy.evaluated import made
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from tests.costs.run import Call, Taken
    from tests.policy.evaluated import Made

FOLDER: Final = Path(__file__).parent
MEASURED: Final = FOLDER / "measured.json"
ANSWER_S: Final = float(prices.table("assumptions")["answer_s"])
INGEST_S: Final = float(prices.table("assumptions")["ingest_s"])
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Choice:
    """One way of deploying. `instances` is max_instances, None: as many as it takes.

    `ceiling` is that of the defaults, `quota` the model's of the lowest tier; without them there is none.
    """

    name: str
    words: str
    instances: int | None
    ceiling: bool = False
    quota: bool = False


CHOICES: Final = (
    Choice("default", "as Terraform has it", 1, ceiling=True),
    Choice("most", "no ceiling, `max_instances = 100`", 100),
    Choice("quota", "the same, with the model's lowest quota", 100, quota=True),
    Choice("free", "no limit of ours, and no quota", None),
)


@cache
def limits(name: str) -> Mapping[str, Any]:
    """Return one table of limits.toml."""
    found: Mapping[str, Any] = tomllib.loads((FOLDER / "limits.toml").read_text(encoding="utf-8"))[name]
    return found


def sources() -> Mapping[str, Mapping[str, Any]]:
    """Return every table of limits.toml."""
    return tomllib.loads((FOLDER / "limits.toml").read_text(encoding="utf-8"))


@cache
def measured() -> Mapping[str, Any]:
    """Return what `make load` has measured: CPU for an upload by function, the part before the call, and of a start."""
    found: Mapping[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return found


@cache
def taken() -> Taken:
    """Return what the sample pictures took, with the tasks and the calls of the defaults."""
    return last_run().of(Ask(DEFAULT_TASKS, "default"))


def calls() -> dict[str, Call]:
    """Return the calls by the worker that makes them: the leading task's."""
    return {each.tasks.partition("+")[0]: each for each in taken().calls}


def tokens_per_image() -> float:
    """Return the tokens of an image's calls, in and out, by Google's rules."""
    found = (each.rules for each in taken().calls)
    return sum(each.image + each.text + each.schema + each.thoughts + each.answer for each in found) / len(PICTURES)


def quota_images_per_minute() -> int:
    """Return how many images a minute the lowest tier of the model's quota has room for."""
    return int(limits("gemini")["tokens_per_minute"] / tokens_per_image())


def writes_per_image() -> float:
    """Return the writing operations of Cloud Storage for an image, in all buckets."""
    return taken().class_a / len(PICTURES)


def ceiling_calls() -> float:
    """Return the calls of a day that the default ceiling has room for, by whichever of its two limits comes first."""
    variables = parse(FILES).variables
    most_calls, most_usd = (float(variables[f"max_{what}_per_day"]["default"]) for what in ("calls", "usd"))
    return min(most_calls, math.floor(most_usd / (usd_of_model() / len(calls()))))


def usd_of_model() -> float:
    """Return what the model costs for an image, by Google's rules."""
    return usd_of([(each.model, each.rules) for each in taken().calls], day=checked_on()) / len(PICTURES)


def usd_beside() -> float:
    """Return what storage and messages cost for an image."""
    parts = (deployment._class_a_usd, deployment._class_b_usd, deployment._messages_usd)
    return sum(part(taken()) for part in parts) / 1000


def usd_per_request() -> float:
    """Return what Cloud Run takes for a request beside its time."""
    return float(prices.table("run")["usd_per_request"])


def instances(function: str, choice: Choice) -> int:
    """Return `max_instance_count` of a function under a choice."""
    if choice.instances is None:
        return 10**6
    return int(
        _made("google_cloudfunctions2_function", function, max_instances=choice.instances).one(
            "service_config", "max_instance_count"
        )
    )


def system(choice: Choice) -> System:
    """Return the deployed system under a choice: every instance has a core of its own, and none is warm."""
    workers = tuple(sorted(calls()))
    run, pubsub = limits("run"), limits("pubsub")
    cpu, before, cold = (measured()[name] for name in ("cpu_s", "share_before", "cold_s"))
    work = {INGEST: Work(before=(Step(INGEST, cpu[INGEST]),))}
    for name in workers:
        work[name] = Work(
            before=(Step(name, cpu[name] * before[name]),), after=(Step(name, cpu[name] * (1 - before[name])),)
        )
    return System(
        ingest=INGEST,
        workers=workers,
        functions={
            name: Function(
                concurrency(name), instances(name, choice), cold_s=cold[name], target=float(run["target"]), warm=0
            )
            for name in (INGEST, *workers)
        },
        pushing={
            name: Pushing(
                window=int(pubsub["outstanding"]),
                first_window=int(pubsub["first_outstanding"]),
                patience_s=float(run["pending_s"]),
                **_retries(name),
            )
            for name in (INGEST, *workers)
        },
        work=work,
        waits=(Waits(before={INGEST: INGEST_S}),),
        latencies_s=tuple((share, times * ANSWER_S) for share, times in LATENCIES),
        deadline_s=float(parse(FILES).variables["deadlines_s"]["default"]["worker"]),
        quota=dict.fromkeys(workers, quota_images_per_minute()) if choice.quota else {},
        ceiling=ceiling_calls() if choice.ceiling else math.inf,
    )


def usd_per_s_of_instances(billed_s: Mapping[str, float]) -> float:
    """Return what so many seconds of instances cost."""
    return sum(seconds * instance_usd_per_s(name) for name, seconds in billed_s.items())


def _retries(function: str) -> dict[str, Any]:
    if function == INGEST:  # Eventarc's own subscription; deploy.sh gives it dead letters
        pubsub = limits("pubsub")
        return {
            "min_backoff_s": float(pubsub["trigger_min_backoff_s"]),
            "max_backoff_s": float(pubsub["trigger_max_backoff_s"]),
        }
    worker = _made("google_pubsub_subscription", function)
    return {
        "min_backoff_s": float(worker.one("retry_policy", "minimum_backoff").rstrip("s")),
        "max_backoff_s": float(worker.one("retry_policy", "maximum_backoff").rstrip("s")),
        "attempts": int(worker.one("dead_letter_policy", "max_delivery_attempts")),
    }


def _made(kind: str, key: str, **variables: Any) -> Made:
    found = [each for each in made(parse(FILES), kind, **variables) if each.key == key]
    return next(each for each in found if "backfill" not in each.address)


def keep_measured(load: Mapping[str, Any]) -> None:
    """Replace measured.json by the times of one `make load`, and the page's figures of that run.

    Raises:
        ValueError: its simulation did not agree with it.
    """
    if not load["agree"]:
        raise ValueError("expected a load whose simulation agrees with it, found one that does not: measure again")
    found = load["calibration"]
    names = (INGEST, *found["workers"])
    kept: dict[str, Any] = {
        what: {name: round(found[what][name], 4) for name in names if name in found[what]}
        for what in ("cpu_s", "share_before", "cold_s")
    }
    kept["run"] = {name: load[name] for name in ("plan", "measured", "simulated")}
    kept["run"] |= {"machine": {name: load["machine"][name] for name in ("cores", "system", "python")}}
    kept["run"] |= {"others": round(found["others"], 2)}
    MEASURED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    measured.cache_clear()
