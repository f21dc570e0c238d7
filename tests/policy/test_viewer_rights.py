"""The page's account against the rights that Terraform gives it: enough to show everything, none to change anything."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from infra.viewer.names import Address
from infra.viewer.story import read_image_story
from shared.pipeline.worker.analyze import analyze
from tests.policy.access import FOLDERS, PAGE
from tests.policy.evaluated import VIEWER, made
from tests.policy.guarded import INFRA, Guarded, grants_of, ports_with
from tests.policy.needs import Need, needless, unmet
from tests.policy.platform_needs import platform_needs
from tests.policy.rights import grants
from tests.rig import RESULTS, SETTINGS, UPLOADS, WORK, Rig, picture

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.policy.rights import Grant

RIGHTS: Final = grants_of(PAGE)
SERVICE: Final = "uplook-viewer"
WRITES: Final = ("create", "replace", "delete")


def _told(rights: Collection[Grant]) -> set[str]:
    """Have one picture answered and one held; return what the page can tell of both with these rights."""
    rig = Rig(settings=replace(SETTINGS, max_calls_per_day=1))
    answered, held = rig.upload(), rig.upload("second.jpg", picture(90, 70))
    for event in (answered, held):
        analyze(event, rig.ports)
    ports = ports_with(rig, rights)
    addresses = [Address(each.source.bucket, each.source.name, each.source.generation) for each in (answered, held)]
    return {each["kind"] for address in addresses for each in read_image_story(address, (), (), ports)}


def test_it_tells_the_story_of_an_image_with_the_rights_that_it_has() -> None:
    assert {"uploaded", "answered", "held"} <= _told(RIGHTS)


@pytest.mark.parametrize("grant", sorted(RIGHTS, key=str), ids=lambda grant: grant.address.rpartition(".")[2])
def test_it_has_no_right_that_it_does_not_need(grant: Grant) -> None:
    with pytest.raises(PermissionError):
        _told(RIGHTS - {grant})


def _may(operation: str, resource: str, name: str) -> bool:
    class Nothing:
        def __getattr__(self, _: str) -> object:
            return lambda *_, **__: None

    try:
        getattr(Guarded(Nothing(), RIGHTS), operation)(resource, name)
    except PermissionError:
        return False
    return True


def test_a_leaked_page_writes_deletes_and_publishes_nothing() -> None:
    places = [*((WORK, folder) for folder in FOLDERS), (UPLOADS, ""), (UPLOADS, "x/"), (RESULTS, "v1/")]
    topics = [each.body["name"].removeprefix("uplook-") for each in made(INFRA, "google_pubsub_topic")]

    writes = [
        (operation, bucket, folder)
        for operation, (bucket, folder) in itertools.product(WRITES, places)
        if _may(operation, bucket, f"{folder}x.json")
    ]

    assert writes == []
    assert len(topics) > 3
    assert [topic for topic in topics if _may("publish", topic, "")] == []
    assert [place for place in places if not _may("read", place[0], f"{place[1]}x.json")] == []


def test_every_right_of_its_account_is_to_read_one_bucket_of_the_deployment() -> None:
    """All of them, and not those alone that reach data: none is on the project, on an account or on a secret."""
    given = {(each.on, each.role, each.condition) for each in grants(INFRA, **VIEWER) if each.who == PAGE}

    assert given == {
        (f"a-project-uplook-{name}", "roles/storage.objectViewer", None) for name in ("results", "uploads", "work")
    }


def test_iap_calls_the_page_for_the_members_and_nobody_else_can() -> None:
    given = [each for each in grants(INFRA, **VIEWER) if each.on == SERVICE]
    opens = "iap.webServiceVersions.accessViaIAP"
    needs = {Need(who, opens, "service", SERVICE) for who in VIEWER["viewer_members"]}
    needs |= {each for each in platform_needs(INFRA, **VIEWER) if each.on == SERVICE}

    assert {each.who for each in needs} == {"agent of iap", *VIEWER["viewer_members"]}
    assert (unmet(needs, given), needless(needs, given)) == ([], [])


def _page(**variables: Any) -> dict[str, Any]:
    [service] = made(INFRA, "google_cloud_run_v2_service", **{**VIEWER, **variables})
    return {"service": service, **service.one("template", "containers")[0]}


@pytest.mark.parametrize("backend", ["vertex", "developer"])
def test_it_runs_the_page_of_the_image_and_has_no_key(backend: str) -> None:
    page = _page(backend=backend)

    assert page["command"] == ["python", "-m", "infra.viewer", "--host=0.0.0.0"]
    assert page["ports"] == [{"container_port": 8080}]
    assert page["image"] == VIEWER["viewer_image"]
    assert [each for each in page["env"] if "KEY" in each["name"] or "value" not in each] == []


def test_members_may_be_nobody_yet() -> None:
    assert _page(viewer_members=())["service"].one("iap_enabled") is True
    assert made(INFRA, "google_iap_web_cloud_run_service_iam_member", **{**VIEWER, "viewer_members": ()}) == []


def test_without_viewer_there_is_no_page_no_account_no_right_and_no_api() -> None:
    there, without, off = (
        {str(each) for each in made(INFRA, **choice)} for choice in (VIEWER, {}, {**VIEWER, "viewer": False})
    )

    assert there - without == {
        "data.google_project.viewer[0]",
        "google_cloud_run_service_iam_member.viewer[0]",
        "google_cloud_run_v2_service.viewer[0]",
        *(f"google_iap_web_cloud_run_service_iam_member.viewer[{who}]" for who in VIEWER["viewer_members"]),
        "google_project_service.chosen[iap.googleapis.com]",
        "google_project_service_identity.agent[iap.googleapis.com]",
        "google_service_account.viewer[0]",
        "google_storage_bucket_iam_member.viewer_reads_results[0]",
        "google_storage_bucket_iam_member.viewer_reads_uploads[0]",
        "google_storage_bucket_iam_member.viewer_reads_work[0]",
    }
    assert without == off <= there
