"""The backfill job against the rights that Terraform gives it: enough for its work, none for nothing else."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from shared.core import naming
from tests.backfill_rig import LANE, BackfillRig
from tests.policy.access import FOLDERS
from tests.policy.evaluated import BACKFILL_IMAGE, made
from tests.policy.guarded import INFRA, Guarded, grants_of, ports_with

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.policy.rights import Grant

RIGHTS = grants_of("backfill")


def _backfill(grants: Collection[Grant]) -> BackfillRig:
    """Find two pictures and have them answered: the backfill with these rights, the workers with their own."""
    rig = BackfillRig()
    rig.upload("first.jpg", "second.jpg")
    everybodys = rig.rig.ports
    guarded = ports_with(rig.rig, grants)

    def work(_: float) -> None:
        rig.rig.ports = everybodys
        rig.work()
        rig.rig.ports = guarded

    rig.rig.clock.on_sleep = work
    rig.rig.ports = guarded
    *_, last = rig.backfill().run()
    assert (last.counts.published, last.counts.done) == (4, 4)
    return rig


def test_it_does_its_work_with_the_rights_that_it_has() -> None:
    rig = _backfill(RIGHTS)

    assert len(rig.rig.publisher.messages[LANE]) == 4


@pytest.mark.parametrize("grant", sorted(RIGHTS, key=str), ids=lambda grant: grant.address.rpartition(".")[2])
def test_it_has_no_right_that_it_does_not_need(grant: Grant) -> None:
    with pytest.raises(PermissionError):
        _backfill(RIGHTS - {grant})


def _may(operation: str, bucket: str, name: str) -> bool:
    class Nothing:
        def __getattr__(self, _: str) -> object:
            return lambda *_, **__: None

    try:
        getattr(Guarded(Nothing(), RIGHTS), operation)(bucket, name)
    except PermissionError:
        return False
    return True


def test_a_leaked_job_writes_nothing_but_marks_and_what_is_to_be_looked_at() -> None:
    writes = {
        (operation, bucket, folder)
        for operation, (bucket, folder) in itertools.product(
            ("create", "replace", "delete"),
            [*(("work", folder) for folder in FOLDERS), ("uploads", "x/"), ("results", "v1/")],
        )
        if _may(operation, bucket, f"{folder}x.json")
    }

    assert writes == {(operation, "work", naming.BACKFILL) for operation in ("create", "replace", "delete")}
    published = [
        topic
        for topic in ("image-events", "image-backfill", "image-results", "image-dead")
        if _may("publish", topic, "")
    ]
    assert published == ["image-backfill"]


def test_it_reads_no_answer_and_no_held_event() -> None:
    assert [folder for folder in FOLDERS if _may("read", "work", f"{folder}x.json")] == [naming.BACKFILL]


def test_without_an_image_there_is_no_job_and_no_account_for_one() -> None:
    with_job, without = (
        {str(each) for each in made(INFRA, **choice)} for choice in ({"backfill_image": BACKFILL_IMAGE}, {})
    )

    assert {each.partition("[")[0] for each in with_job - without} == {
        "google_cloud_run_v2_job.backfill",
        "google_pubsub_topic_iam_member.image_backfill_published_by",
        "google_service_account.backfill",
        "google_storage_bucket_iam_member.backfill_lists_work",
        "google_storage_bucket_iam_member.backfill_marks",
        "google_storage_bucket_iam_member.backfill_reads_results",
        "google_storage_bucket_iam_member.backfill_reads_uploads",
    }
    assert without <= with_job
    assert [each for each in without if "job" in each and "scheduler" not in each] == []
