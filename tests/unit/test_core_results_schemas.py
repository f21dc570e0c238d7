"""The shipped schemas accept what we write and name what departs."""

from __future__ import annotations

import json

import pytest

from shared.core.results import schemas
from shared.pipeline.worker.analyze import analyze
from tests.rig import Rig


def test_a_committed_document_fits() -> None:
    rig = Rig()
    event = rig.upload(task="segment")
    analyze(event, rig.ports)

    assert schemas.problem(rig.document(event)) is None


@pytest.mark.parametrize("value", [None, [], "text", {}, {"schema": "another/1"}])
def test_what_is_no_result_is_told_apart(value: object) -> None:
    assert schemas.problem(value) is not None


def test_a_departure_is_named_by_its_place() -> None:
    rig = Rig()
    event = rig.upload()
    analyze(event, rig.ports)
    document = rig.document(event)
    document["items"][0]["box_px"] = [1, 2, 3]

    assert (schemas.problem(document) or "").startswith("$.items[0].box_px")


@pytest.mark.parametrize("depth", [100, 300, 900])
def test_a_value_nested_to_any_depth_is_judged_and_told(depth: int) -> None:
    wrong = schemas.problem(json.loads("[" * depth + "]" * depth))

    assert wrong is not None
    assert wrong.startswith("$: ")
