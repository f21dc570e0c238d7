"""The control client, against an emulator: what it plans, what it refuses, and what it tells."""

from __future__ import annotations

import urllib.error
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from infra.emulators import Control, Fault, FaultError
from infra.emulators.storage.faults import EVENT_KINDS, REQUEST_KINDS
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("storage", "--bucket", "uploads") as address:
        yield address


@pytest.fixture
def control(url: str) -> Iterator[Control]:
    control = Control(url)
    yield control
    control.clear()


def test_a_planned_fault_is_listed_with_all_its_fields_and_what_became_of_it(control: Control) -> None:
    fault = Fault("status", operation="bucket.list", status=429, times=2)
    number = control.add(fault)

    with pytest.raises(urllib.error.HTTPError, match="429"):
        control.call("GET", "/storage/v1/b")

    assert control.faults() == [{"id": number, **asdict(fault), "hits": 1, "left": 1}]


def test_a_rule_that_makes_no_sense_is_refused_with_the_emulators_own_words(control: Control) -> None:
    with pytest.raises(FaultError, match=r"^kind: expected one of corrupt, .* found 'nonsense'$"):
        control.add(Fault("nonsense"))

    assert control.faults() == []


def test_a_block_whose_fault_was_not_hit_fails_and_removes_it(control: Control) -> None:
    with (
        pytest.raises(AssertionError, match=r"faults that were never hit: .*object\.copy"),
        control.planned(Fault("latency", operation="object.copy")),
    ):
        pass

    assert control.faults() == []


def test_the_client_tells_every_kind_of_fault(control: Control) -> None:
    assert control.kinds() == REQUEST_KINDS | EVENT_KINDS


def test_a_proxy_in_the_environment_does_not_get_between(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert Control(url).faults() == []
