"""Every metric of infra/metrics.tf moves when what it counts happens, and at nothing else.

Each cause is brought about in the functions; what they log is then judged by the metrics' own filters, as Cloud Logging
would (https://cloud.google.com/logging/docs/view/logging-query-language), of which they use comparisons and AND.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from shared import logs
from shared.core.errors import DailyQuotaError, TransientError
from shared.core.events.envelopes import parse_image_event
from shared.pipeline.job import begin
from shared.pipeline.worker import lease
from tests.functions.pushes import AGAIN, OK, push, storage_event
from tests.policy.evaluated import made
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.events.envelopes import ImageEvent
    from tests.policy.evaluated import Made
    from tests.rig import Rig

Points = dict[str, list[tuple[dict[str, str], float]]]
"""Of each metric that moved: labels and value of each point."""

METRICS: Final = {each.body["name"]: each for each in made(parse(FILES), "google_logging_metric", dashboard=True)}
_COMPARISON = re.compile(r'([\w.]+) (=|>=) (".*"|\(.*\)|-?[0-9.]+)')
_SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")


def field(path: str, entry: Mapping[str, Any]) -> Any:
    """Return a field of an entry by its path, or None."""
    found: Any = entry
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def holds(comparison: str, entry: Mapping[str, Any]) -> bool:
    """Whether one comparison of a filter holds of an entry."""
    match = _COMPARISON.fullmatch(comparison)
    assert match is not None, f"not a comparison that is known here: {comparison}"
    found, wanted = field(match[1], entry), match[3]
    if match[1] == "severity":
        return _SEVERITIES.index(found) >= _SEVERITIES.index(wanted.strip('"'))
    if match[2] == ">=":
        return isinstance(found, int | float) and found >= float(wanted)
    return found in re.findall(r'"([^"]*)"', wanted)


def point(metric: Made, entry: Mapping[str, Any]) -> tuple[dict[str, str], float] | None:
    """Return what an entry adds to a metric, or None."""
    if not all(holds(each, entry) for each in metric.body["filter"].split(" AND ")):
        return None
    told = metric.body["label_extractors"]
    labels = {label: field(told[label].removeprefix("EXTRACT(")[:-1], entry) for label in told}
    value = metric.body.get("value_extractor")
    return labels, 1 if value is None else field(value.removeprefix("EXTRACT(")[:-1], entry)


def counted(lines: Sequence[str], service: str) -> Points:
    """Return the points that log lines of a service make."""
    where = {"type": "cloud_run_revision", "labels": {"location": "us-central1", "service_name": service}}
    found: Points = {}
    for line in lines:
        payload = json.loads(line)
        entry = {"resource": where, "severity": payload.pop("severity"), "jsonPayload": payload}
        for name, metric in METRICS.items():
            if (told := point(metric, entry)) is not None:
                found.setdefault(name.removeprefix("uplook/"), []).append(told)
    return found


def a_result(rig: Rig, client: Any) -> None:
    """An upload of 2.5 s ago has a caption."""
    told = storage_event(timeCreated="2026-11-21T00:16:37.500Z", **_uploaded(rig))
    assert client("ingest").post("/", **told).status_code == OK
    assert push(client("caption"), _planned(rig)[0]) == OK


def a_retry(rig: Rig, client: Any) -> None:
    rig.model.faults.add("generate", TransientError("503"))
    assert push(client("detect"), rig.upload()) == OK


def another_at_work(rig: Rig, client: Any) -> None:
    event = rig.upload()
    lease.claim(begin(event, rig.ports), rig.ports)
    assert push(client("detect"), event) == AGAIN


def a_used_up_quota(rig: Rig, client: Any) -> None:
    rig.model.faults.add("generate", DailyQuotaError("429: GenerateRequestsPerDay"))
    assert push(client("detect"), rig.upload()) == OK


def a_dead_letter(rig: Rig, client: Any) -> None:
    assert push(client("dead_letter"), rig.upload()) == OK


def _uploaded(rig: Rig) -> dict[str, str]:
    source = rig.upload().source
    return {"name": source.name, "generation": str(source.generation), "size": str(source.size)}


def _planned(rig: Rig) -> list[ImageEvent]:
    return [parse_image_event(message.data) for message in rig.publisher.messages[rig.settings.image_topic]]


MODEL: Final = {"model": "gemini-3.8-flash"}
WORKER: Final = {"service": "uplook-detect"}
CALL: Final = ({"task": "detect", **MODEL}, 1)
USD: Final = 0.0012  # 1,200 tokens at 0.75 dollars a million, and 80 at 3.75


class Case(NamedTuple):
    """What is brought about, which service logs it, and the points that this makes."""

    cause: Callable[[Rig, Any], None]
    service: str
    points: Points


def result(task: str, figures: Mapping[str, float], *, status: str = "ok") -> Points:
    """Return the points of one committed result."""
    return {
        "results": [({"task": task, "status": status}, 1)],
        **{name: [({"task": task, **MODEL}, value)] for name, value in figures.items()},
    }


def warned(kind: str, service: str) -> tuple[dict[str, str], float]:
    """Return the point of one warning."""
    return {"kind": kind, "service": service}, 1


FIGURES: Final[Mapping[str, float]] = {"input_tokens": 1200, "output_tokens": 80, "usd": USD}
TRIED_AGAIN: Final = "a call failed and is tried again"
GIVEN_BACK: Final = "the event will be delivered again"
CASES: Final = [
    Case(
        a_result,
        "uplook-caption",
        result("caption", {"latency": 2.5, **FIGURES})
        | {"calls": [({"task": "caption", "model": "gemini-3.5-flash-lite"}, 1)]},
    ),
    Case(
        a_retry,
        "uplook-detect",
        result("detect", FIGURES)
        | {"calls": [CALL, CALL], "retries": [(WORKER, 1)], "warnings": [warned(TRIED_AGAIN, "uplook-detect")]},
    ),
    Case(
        another_at_work,
        "uplook-detect",
        {
            "lease_waits": [(WORKER, 1)],
            "redeliveries": [(WORKER, 1)],
            "warnings": [warned(GIVEN_BACK, "uplook-detect")],
        },
    ),
    Case(
        a_used_up_quota,
        "uplook-detect",
        {"calls": [CALL], "held": [({"code": "daily_quota"}, 1)], "warnings": [warned("held", "uplook-detect")]},
    ),
    Case(
        a_dead_letter,
        "uplook-dead-letter",
        result("detect", {}, status="failed")
        | {"dead_letters": [({}, 1)], "warnings": [warned("dead letter", "uplook-dead-letter")]},
    ),
]


@pytest.fixture
def lines() -> Iterator[Callable[[], list[str]]]:
    """Have the functions log as they are deployed; a function that returns the lines."""
    logger, sink = logging.getLogger("uplook"), io.StringIO()
    before = logger.handlers, logger.propagate, logger.level
    logs.set_up("json", stream=sink)
    yield lambda: sink.getvalue().splitlines()
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


@pytest.mark.parametrize("case", CASES, ids=[case.cause.__name__ for case in CASES])
def test_what_happens_moves_its_metrics_and_no_others(
    rig: Rig, client: Any, lines: Callable[[], list[str]], case: Case
) -> None:
    case.cause(rig, client)

    assert counted(lines(), case.service) == case.points


def test_every_metric_is_moved_by_a_cause() -> None:
    assert {f"uplook/{name}" for case in CASES for name in case.points} == METRICS.keys()


def test_the_services_of_the_causes_are_those_that_are_deployed() -> None:
    deployed = set(re.findall(r'"(uplook-[a-z-]+)"', METRICS["uplook/results"].body["filter"]))

    assert {case.service for case in CASES} <= deployed


def test_labels_and_values_are_declared_as_they_are_extracted() -> None:
    for metric in METRICS.values():
        [described] = metric.body["metric_descriptor"]
        assert {each["key"] for each in described["labels"]} == metric.body["label_extractors"].keys()
        assert (described["value_type"] == "DISTRIBUTION") == ("value_extractor" in metric.body)


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    [dashboard] = made(parse(FILES), "google_monitoring_dashboard", dashboard=True, prefix="my-looks")
    shown = json.loads(dashboard.body["dashboard_json"])["gridLayout"]["widgets"]
    queries = [each["xyChart"]["dataSets"][0]["timeSeriesQuery"]["prometheusQuery"] for each in shown]

    names = {name for query in queries for name in re.findall(r"logging_googleapis_com:user_my_looks_(\w+)\[", query)}
    assert all("[${__interval}]" in query for query in queries)
    assert {re.sub(r"_(sum|bucket)$", "", name) for name in names} == {name.removeprefix("uplook/") for name in METRICS}
    for name, metric in METRICS.items():
        series = {each for each in names if re.sub(r"_(sum|bucket)$", "", each) == name.removeprefix("uplook/")}
        spread = "value_extractor" in metric.body
        assert all(each.endswith(("_sum", "_bucket")) is spread for each in series), series


def test_objectives_are_about_metrics_that_are_there() -> None:
    slos = made(parse(FILES), "google_monitoring_slo", dashboard=True)

    named = {
        name
        for each in slos
        for name in re.findall(r'logging\.googleapis\.com/user/([\w/]+)"', str(each.body["request_based_sli"]))
    }
    assert len(slos) == 2
    assert named == {"uplook/results", "uplook/latency"} <= METRICS.keys()


@pytest.mark.parametrize("variables", [{}, {"alert_email": "operators@example.com"}])
def test_without_dashboard_none_of_it_is_there(variables: dict[str, str]) -> None:
    kinds = (
        "google_logging_metric",
        "google_monitoring_dashboard",
        "google_monitoring_custom_service",
        "google_monitoring_slo",
    )

    assert made(parse(FILES), *kinds, **variables) == []
    assert not [
        each for each in made(parse(FILES), "google_monitoring_alert_policy", **variables) if "objective" in str(each)
    ]
