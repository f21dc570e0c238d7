"""Batch jobs against the rights that Terraform gives for them: each function does its part, and needs every one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from shared.core import naming
from shared.core.events.envelopes import Upload
from shared.pipeline.upkeep.batching import follow_batches
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.worker.analyze import analyze
from tests.batch_rig import BATCH_SETTINGS, VERTEX_SETTINGS, BatchRig
from tests.policy.guarded import INFRA, PERMISSIONS, Guarded, ports_with
from tests.policy.rights import grants
from tests.policy.test_rights import _take_a_grant_unseen
from tests.rig import UPLOADS, WORK

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.config import Settings
    from tests.policy.rights import Grant

LANE: Final = "projects/local-dev/topics/image-backfill"


def _given(backend: str, *, batch: bool = True) -> frozenset[Grant]:
    return frozenset(grants(INFRA, forget=True, batch=batch, backend=backend))


def of(account: str, backend: str, *, batch: bool = True) -> frozenset[Grant]:
    """Return what an account may do with data."""
    return frozenset(each for each in _given(backend, batch=batch) if each.who == account and each.role in PERMISSIONS)


def a_job(backend: str, worker: Collection[Grant], release: Collection[Grant]) -> None:
    """Two images wait, one is answered, one goes into the next job; both end."""
    settings: Settings = VERTEX_SETTINGS if backend == "vertex" else BATCH_SETTINGS
    rig = BatchRig(replace(settings, backfill_topic=LANE, max_usd_per_day=5.0))
    guarded = ports_with(rig.rig, worker)
    rig.ticks = replace(rig.ticks, **_guarded(rig, release))
    events = [rig.upload(name) for name in ("one.jpg", "two.jpg")]
    _take_a_grant_unseen(rig.rig)
    for event in (*events, events[0]):
        analyze(event, guarded)
    follow_batches(rig.ticks)
    rig.finish(write=lambda lines: lines[:1])
    follow_batches(rig.ticks)
    rig.finish()
    follow_batches(rig.ticks)
    for event in events:
        analyze(event, guarded)
    assert [rig.rig.document(event)["usage"]["tier"] for event in events] == ["batch"] * 2
    assert rig.left() == []


def _guarded(rig: BatchRig, given: Collection[Grant]) -> dict[str, Any]:
    return {
        "store": cast("Any", Guarded(rig.rig.store, given)),
        "publisher": cast("Any", Guarded(rig.rig.publisher, given)),
    }


@pytest.mark.parametrize("backend", ["developer", "vertex"])
def test_worker_and_release_do_their_parts_with_the_rights_that_they_have(backend: str) -> None:
    a_job(backend, of("caption", backend), of("release", backend))


@pytest.mark.parametrize("account", ["caption", "release"])
def test_neither_has_a_right_for_it_that_it_does_not_need(account: str) -> None:
    with_jobs = {backend: of(account, backend) for backend in ("developer", "vertex")}
    more = with_jobs["vertex"] - of(account, "vertex", batch=False)
    assert more != set()
    for grant in more:
        needed = []
        for backend in ("developer", "vertex"):
            rights = {name: of(name, backend) for name in ("caption", "release")}
            rights[account] = rights[account] - {grant}
            try:
                a_job(backend, rights["caption"], rights["release"])
            except PermissionError:
                needed.append(backend)
        assert needed != [], grant


def test_without_batch_jobs_nobody_has_a_right_more() -> None:
    for backend in ("developer", "vertex"):
        assert not [each for each in _given(backend, batch=False) if "batches/" in (each.condition or "")]


def test_what_waits_is_forgotten_with_the_rights_of_forget() -> None:
    rig = BatchRig()
    event = rig.upload("one.jpg")
    analyze(event, rig.rig.ports)
    rig.rig.store.delete(UPLOADS, "one.jpg")
    forget(Upload(event.source), ports_with(rig.rig, of("forget", "developer")))
    assert rig.rig.store.list_names(WORK, "") == []


def test_a_leaked_worker_reaches_lines_of_its_own_task_alone() -> None:
    port = Guarded(object(), of("caption", "developer"))
    own = f"{naming.BATCH_LINES}v1/uploads/cat.jpg/7/caption.json"
    assert port._has("create", "work", own)
    for name in (own.replace("caption", "detect"), f"{naming.BATCH_RECORDS}00000001.json", f"{naming.BATCH_FILES}a"):
        assert not port._has("create", "work", name)


def test_vertex_reads_and_writes_files_of_jobs_and_nothing_else_of_ours() -> None:
    theirs = [each for each in _given("vertex") if each.who == "agent of aiplatform" and each.on.endswith("-work")]
    port = Guarded(object(), theirs)
    assert port._has("create", "work", f"{naming.BATCH_FILES}d/answers/x.jsonl")
    assert not any(port._has(may, "work", "replies/v1/b/a/7/caption.json") for may in ("get", "create", "delete"))
    assert not port._has("delete", "work", f"{naming.BATCH_FILES}d/answers/x.jsonl")
