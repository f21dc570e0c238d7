"""The code against the rights that Terraform gives: each function does its work with them, and needs every one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from shared.core.events.envelopes import Upload, format_image_event
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.tasks.catalogue import TASKS
from shared.pipeline.ingest import ingest
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.upkeep.unpark import unpark_due
from shared.pipeline.worker.analyze import analyze
from tests.policy.parsed import parse
from tests.policy.rights import functions, grants
from tests.policy.test_policies import FILES
from tests.rig import SETTINGS, Rig

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from shared.core.events.envelopes import ImageEvent
    from shared.core.ports import ObjectStore, Publisher
    from shared.pipeline.job import WorkerPorts

INFRA = parse(FILES)
GRANTS = {(each.on, each.who, each.role) for each in grants(INFRA, forget=True)}
PERMISSIONS: Final = {  # https://cloud.google.com/storage/docs/access-control/iam-roles
    "roles/storage.objectViewer": {"get", "list"},
    "roles/storage.objectCreator": {"create"},
    "roles/storage.objectUser": {"get", "list", "create", "delete"},
    "roles/pubsub.publisher": {"publish"},
}
NEEDS: Final = {
    "create": {"create"},
    "replace": {"create", "delete"},
    "delete": {"delete"},
    "stat": {"get", "list"},  # without list, what is not there answers 403 instead of 404
    "read": {"get", "list"},
    "read_head": {"get", "list"},
    "list_names": {"list"},
    "list_folders": {"list"},
    "publish": {"publish"},
}


class Guarded:
    """A port whose operations are let through only on resources that the account has rights on."""

    def __init__(self, port: object, grants: Collection[tuple[str, str, str]]) -> None:
        self._port = port
        self._grants = grants

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def guarded(resource: str, *arguments: Any, **options: Any) -> Any:
            missing = NEEDS[operation] - self._allowed(resource.rpartition("/")[2])
            if missing:
                raise PermissionError(f"{operation} on {resource}: {missing}")
            return getattr(self._port, operation)(resource, *arguments, **options)

        return guarded

    def _allowed(self, resource: str) -> set[str]:
        mine = (role for on, _, role in self._grants if on.endswith(f"-{resource}"))
        return {permission for role in mine for permission in PERMISSIONS.get(role, ())}


def ports_with(rig: Rig, grants: Collection[tuple[str, str, str]]) -> WorkerPorts:
    """Return the rig's ports, guarded."""
    store, publisher = Guarded(rig.store, grants), Guarded(rig.publisher, grants)
    return replace(rig.ports, store=cast("ObjectStore", store), publisher=cast("Publisher", publisher))


def _upload(event: ImageEvent) -> Upload:
    return Upload(event.source, {})


def work(task: str) -> Callable[[Rig, WorkerPorts], None]:
    def scenario(rig: Rig, ports: WorkerPorts) -> None:
        event = rig.upload(task=task)
        analyze(event, ports)
        analyze(event, ports)  # delivered twice
        analyze(rig.upload("second.jpg", task=task), ports)  # the day's ceiling is reached: held
        assert rig.document(event)["status"] == "ok"
        assert [each["status"] for each in rig.result_events()] == ["ok", "ok", "held"]

    return scenario


def plan(rig: Rig, ports: WorkerPorts) -> None:
    upload = _upload(rig.upload())
    ingest(upload, rules=Rules(Choices(tasks=("caption",))), settings=rig.settings, publisher=ports.publisher)
    assert len(rig.publisher.messages[rig.settings.image_topic]) == 1


def record(rig: Rig, ports: WorkerPorts) -> None:
    event = rig.upload(task="detect")
    record_dead_letter(format_image_event(event), ports)
    record_dead_letter(format_image_event(event), ports)
    assert rig.document(event, error=0)["error"]["code"] == "dead_letter"


def publish_held(rig: Rig, ports: WorkerPorts) -> None:
    for name in ("first.jpg", "second.jpg"):
        analyze(rig.upload(name), rig.ports)
    rig.clock.time_s += 2 * 86_400
    assert unpark_due(ports) == 1


def remove(rig: Rig, ports: WorkerPorts) -> None:
    event = rig.upload()
    analyze(event, rig.ports)
    forget(_upload(event), ports)
    assert rig.store.list_names(rig.settings.results_bucket, "") == []


SCENARIOS: Final[dict[str, Callable[[Rig, WorkerPorts], None]]] = {
    "ingest": plan,
    "dead_letter": record,
    "release": publish_held,
    "forget": remove,
    **{name: work(name) for name in TASKS},
}


def grants_of(function: str) -> set[tuple[str, str, str]]:
    """Return what a function's account may do with data."""
    account = function.replace("_", "-")
    return {(on, who, role) for on, who, role in GRANTS if who == account and role in PERMISSIONS}


def one_call_a_day() -> Rig:
    """A deployment whose ceiling the second call reaches."""
    return Rig(settings=replace(SETTINGS, max_calls_per_day=1))


def test_every_function_has_a_scenario() -> None:
    assert SCENARIOS.keys() == functions(INFRA, forget=True).keys()


@pytest.mark.parametrize("function", SCENARIOS)
def test_a_function_does_its_work_with_the_rights_that_it_has(function: str) -> None:
    rig = one_call_a_day()

    SCENARIOS[function](rig, ports_with(rig, grants_of(function)))


@pytest.mark.parametrize("function", SCENARIOS)
def test_a_function_has_no_right_that_it_does_not_need(function: str) -> None:
    grants = grants_of(function)
    needless = []
    for grant in grants:
        rig = one_call_a_day()
        try:
            SCENARIOS[function](rig, ports_with(rig, grants - {grant}))
        except PermissionError:
            continue
        needless.append(grant)

    assert grants != set()
    assert needless == []
