"""The code against the rights that Terraform gives: each function does its work with them, and needs every one.

And what somebody could do who has a function's identity: nothing in the name of another.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

from shared.core import jsontext, naming
from shared.core.delivery import seen
from shared.core.delivery.interpret import MAX_ASKS
from shared.core.errors import ConfigurationError
from shared.core.events import storage_events
from shared.core.events.envelopes import ImageEvent, Upload, format_image_event, parse_image_event
from shared.core.planning.choices import Choices
from shared.core.planning.plan import plan as plan_upload
from shared.core.planning.rules import Rules
from shared.core.ports import Message
from shared.core.tasks.catalogue import TASKS
from shared.core.values import Source
from shared.pipeline.ingest import ingest
from shared.pipeline.instance.pace import Pacer
from shared.pipeline.job import begin
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.upkeep.unpark import unpark_due
from shared.pipeline.worker.analyze import analyze
from tests.policy.access import FOLDERS
from tests.policy.guarded import GRANTS, INFRA, Guarded, grants_of, ports_with
from tests.policy.rights import functions, ours
from tests.rig import SERVICE, SETTINGS, UPLOADS, WORK, Rig, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.core.gemini.request import ModelRequest
    from shared.pipeline.job import WorkerPorts

_DAY_S: Final = 86_400
_OF_BATCHES: Final = {naming.BATCH_FILES, naming.BATCH_LINES, naming.BATCH_RECORDS}
"""Folders that only a deployment with batch jobs has: tests/policy/test_batch_rights.py is about them."""
_OF_OPERATORS: Final = {naming.BACKFILL, naming.RELEASES} | _OF_BATCHES
"""Folders that hold nothing about a source, or that are not there."""


def _upload(event: ImageEvent) -> Upload:
    return Upload(event.source, {})


def work(task: str) -> Callable[[Rig, WorkerPorts], None]:
    def scenario(rig: Rig, ports: WorkerPorts) -> None:
        event = rig.upload(task=task)
        _take_a_grant_unseen(rig)
        analyze(event, ports)
        analyze(event, ports)  # delivered twice
        _lose_the_result(rig, event)
        analyze(event, ports)  # from the journal
        _reuse(rig, ports, task)
        if task == "ask":
            _seen_before(rig, ports)
        second = rig.upload("second.jpg", picture(90, 70), task=task)
        analyze(second, ports)  # the day's ceiling is reached: held, and held again
        analyze(second, ports)
        assert rig.document(event)["status"] == "ok"
        assert [each["status"] for each in rig.result_events()] == ["ok"] * (6 if task == "ask" else 5) + ["held"] * 2

    return scenario


def _reuse(rig: Rig, ports: WorkerPorts, task: str) -> None:
    """The same content comes again under another name; and once more, when an attempt of it has died."""
    again = rig.upload("again.jpg", task=task)
    analyze(again, ports)
    _lose_the_result(rig, again)
    analyze(again, ports)
    assert "reused_from" in rig.document(again)["model"]


def _take_a_grant_unseen(rig: Rig) -> None:
    """Another instance takes the first grant of the day between a look at them and the own write."""
    look = rig.store.list_names

    def late(bucket: str, prefix: str) -> Sequence[str]:
        found = look(bucket, prefix)
        if prefix.startswith(naming.SPENDING) and not found:
            rig.store.create(bucket, f"{prefix}grant-0000", b"", content_type="text/plain")
        return found

    rig.store.list_names = late  # type: ignore[method-assign]


def _lose_the_result(rig: Rig, event: ImageEvent) -> None:
    rig.store.delete(rig.settings.results_bucket, begin(event, rig.ports).paths.result)
    rig.clock.time_s += rig.settings.lease_ttl_s + 1


def _manifest(rig: Rig, *names: str) -> ImageEvent:
    images = [f"gs://{UPLOADS}/{name}" for name in names]
    data = json.dumps({"schema": "uplook.manifest/1", "question": "Which?", "images": images}).encode()
    generation = rig.store.create(UPLOADS, "which.uplook.json", data, content_type="application/json")
    source = Source(UPLOADS, "which.uplook.json", generation, len(data), "application/json", jsontext.crc32c(data))
    (event,) = plan_upload(Upload(source), Rules(Choices(tasks=("caption",))), run="v1").events
    return event


def _seen_before(rig: Rig, ports: WorkerPorts) -> None:
    """A manifest's image was read by an attempt that died."""
    image = rig.upload("named.jpg").source
    event = _manifest(rig, image.name)
    marker = seen.marker_name(image, begin(event, rig.ports).paths)
    rig.store.create(WORK, marker, b"{}", content_type="application/json")
    analyze(event, ports)


def plan(rig: Rig, ports: WorkerPorts) -> None:
    upload = _upload(rig.upload())
    rules = Rules(Choices(tasks=("caption",)))
    ingest(upload, rules=rules, settings=rig.settings, service=SERVICE, publisher=ports.publisher)
    assert len(rig.publisher.messages[rig.settings.image_topic]) == 1


def record(rig: Rig, ports: WorkerPorts) -> None:
    event = rig.upload(task="detect")
    record_dead_letter(format_image_event(event), ports)
    record_dead_letter(format_image_event(event), ports)
    record_dead_letter(_storage_event(event), ports)
    record_dead_letter(_storage_event(event), ports)
    assert rig.document(event, error=0)["error"]["code"] == "dead_letter"
    assert len(rig.store.list_names(WORK, naming.DEAD)) == 1


def _storage_event(event: ImageEvent) -> Message:
    source = event.source
    resource = {"bucket": source.bucket, "name": source.name, "generation": str(source.generation)}
    return Message(json.dumps(resource).encode(), {"ce-type": storage_events.FINALIZED})


def publish_held(rig: Rig, ports: WorkerPorts) -> None:
    for name in ("first.jpg", "second.jpg", "third.jpg"):
        analyze(rig.upload(name), rig.ports)
    rig.clock.time_s += 2 * _DAY_S
    assert unpark_due(ports) == 1
    _publish_mended(rig, ports)


def _publish_mended(rig: Rig, ports: WorkerPorts) -> None:
    """The model refuses the key, and the first probe too; the second is answered, and the last event follows it."""

    def refuse(_: ModelRequest) -> NoReturn:
        raise ConfigurationError("400: API key not valid")

    rig.answer = refuse
    for name in ("fourth.jpg", "fifth.jpg"):
        analyze(rig.upload(name), rig.ports)
    for answer in (refuse, None):
        rig.publisher.messages.clear()
        rig.clock.time_s += _DAY_S
        assert unpark_due(ports) == 1
        rig.answer = answer
        for message in rig.publisher.messages[rig.settings.image_topic]:
            analyze(parse_image_event(message.data), replace(rig.ports, pacer=Pacer()))
    assert len(rig.store.list_names(WORK, naming.PARKED)) == 1
    rig.clock.time_s += _DAY_S
    assert unpark_due(ports) == 1
    assert rig.store.list_names(WORK, naming.PARKED) == []


def remove(rig: Rig, ports: WorkerPorts) -> None:
    event = rig.upload()
    analyze(event, rig.ports)
    record_dead_letter(_storage_event(event), rig.ports)
    analyze(_manifest(rig, event.source.name), rig.ports)
    analyze(rig.event_of(event.source, "caption"), rig.ports)  # held
    rig.store.delete(UPLOADS, event.source.name)
    assert {f"{name.partition('/')[0]}/" for name in rig.store.list_names(WORK, "")} == set(FOLDERS) - _OF_OPERATORS
    forget(_upload(event), ports)
    assert rig.store.list_names(rig.settings.results_bucket, "") == []
    assert {name.partition("/")[0] for name in rig.store.list_names(WORK, "")} == {"spending"}


SCENARIOS: Final[dict[str, Callable[[Rig, WorkerPorts], None]]] = {
    "ingest": plan,
    "dead_letter": record,
    "release": publish_held,
    "forget": remove,
    **{name: work(name) for name in TASKS},
}


def few_calls_a_day(*, reuse_answers: bool = False) -> Rig:
    """A deployment whose ceiling the third call reaches, or where somebody else made one, the second."""
    return Rig(settings=replace(SETTINGS, max_calls_per_day=2, reuse_answers=reuse_answers))


def rig_for(function: str) -> Rig:
    if function == "ask":
        return Rig(settings=replace(SETTINGS, max_calls_per_day=3, reuse_answers=True))
    return few_calls_a_day(reuse_answers=function in {*TASKS, "forget"})


def test_every_function_has_a_scenario() -> None:
    assert SCENARIOS.keys() == functions(INFRA, forget=True).keys()


@pytest.mark.parametrize("function", SCENARIOS)
def test_a_function_does_its_work_with_the_rights_that_it_has(function: str) -> None:
    rig = rig_for(function)

    SCENARIOS[function](rig, ports_with(rig, grants_of(function)))


@pytest.mark.parametrize("function", SCENARIOS)
def test_a_function_has_no_right_that_it_does_not_need(function: str) -> None:
    grants = grants_of(function)
    needless = []
    for grant in grants:
        rig = rig_for(function)
        try:
            SCENARIOS[function](rig, ports_with(rig, grants - {grant}))
        except PermissionError:
            continue
        needless.append(grant)

    assert grants != set()
    assert needless == []


def test_conditions_know_the_last_reply_that_there_can_be() -> None:
    """`.ask-1.json`, in infra/buckets.tf and infra/deploy.sh: with a third ask there would be `.ask-2.json`."""
    assert MAX_ASKS == 2


def _own(folder: str, task: str) -> str:
    """Return an object's name as a worker writes it below a folder."""
    below = {naming.PARKED: "held/2026-11-22T08/", naming.SPENDING: "spending/2026-11-21/pool-500-calls/"}
    return f"{below.get(folder, folder)}v1/uploads/cat.jpg/7/{task}.json"


def _may(account: str, operation: str, name: str) -> bool:
    mine = [each for each in GRANTS if each.who == account]
    port = Guarded(_Nothing(), mine)
    try:
        getattr(port, operation)("work", name)
    except PermissionError:
        return False
    return True


class _Nothing:
    def __getattr__(self, operation: str) -> Callable[..., None]:
        return lambda *_, **__: None


@pytest.mark.fault(136)
@pytest.mark.parametrize("task", TASKS)
def test_a_leaked_worker_reaches_nothing_of_another_task_and_rewrites_nothing_that_was_paid_for(task: str) -> None:
    other = next(name for name in TASKS if name != task)

    reached = {
        (operation, folder, whose)
        for operation, folder, whose in itertools.product(("create", "replace", "delete"), FOLDERS, (task, other))
        if _may(task, operation, _own(folder, whose))
    }

    both, own = (task, other), (task,)
    expected = {("create", naming.SPENDING, whose) for whose in both}
    expected |= {("create", naming.SEEN, whose) for whose in both if task == "ask"}
    expected |= {("create", folder, whose) for folder in (naming.ANSWERS, naming.REPLIES, naming.USES) for whose in own}
    expected |= {
        (op, folder, task) for op in ("create", "replace", "delete") for folder in (naming.PARKED, naming.LEASES)
    }
    assert reached == expected


@pytest.mark.parametrize(
    ("account", "writes"),
    [
        ("ingest", set()),
        ("dead-letter", {naming.DEAD, naming.LEASES}),
        ("release", {naming.PARKED, naming.RELEASES}),
        ("forget", set(FOLDERS) - _OF_OPERATORS - {naming.SPENDING}),
    ],
)
def test_who_asks_no_model_writes_below_few_folders(account: str, writes: set[str]) -> None:
    assert {folder for folder in FOLDERS if _may(account, "create", _own(folder, "caption"))} == writes


def test_only_workers_take_of_the_day_and_nobody_gives_a_grant_back() -> None:
    grant = _own(naming.SPENDING, "0007")

    assert {who for who in ours(INFRA) if _may(who, "create", grant)} == ours(INFRA, "worker")
    assert [who for who in ours(INFRA) if _may(who, "delete", grant)] == []


@pytest.mark.parametrize("trick", ["leases/v1/uploads/caption.json/7/detect.json", "replies/../leases/caption.json"])
def test_what_an_uploader_calls_an_object_opens_no_other_tasks_lease(trick: str) -> None:
    assert not _may("caption", "delete", trick)
