"""The page of loads is what the simulation says today, of the system that Terraform makes."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from tests.load import deployed, figures, page
from tests.load.__main__ import main
from tests.load.deployed import CHOICES
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT, MOST, QUOTA, FREE = CHOICES


def test_the_file_has_every_choice_at_every_rate() -> None:
    assert [(each.rate, each.choice) for each in figures.last()] == [
        (rate, choice.name) for rate in figures.RATES for choice in CHOICES
    ]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_the_file_holds_what_the_simulation_says_today(choice: deployed.Choice) -> None:
    kept = next(each for each in figures.last() if each.choice == choice.name)

    found = figures.simulated(choice, kept.rate)

    assert asdict(found) == asdict(kept), "run `python -m tests.load --write`"


def test_every_image_is_somewhere() -> None:
    for each in figures.last():
        assert each.finished + each.held + each.failed + each.waiting == each.arrived, each


def test_the_system_is_the_one_of_terraform() -> None:
    system = deployed.system(DEFAULT)
    deadlines = parse(FILES).variables["deadlines_s"]["default"]

    assert system.deadline_s == deadlines["worker"]
    assert {name: (each.concurrency, each.most_instances) for name, each in system.functions.items()} == {
        "ingest": (16, 5),
        "caption": (8, 1),
        "segment": (8, 1),
    }
    assert system.pushing["caption"].attempts == 20
    assert [system.pushing["caption"].backoff_s(attempt) for attempt in (1, 2, 9)] == [10, 20, 600]
    assert deployed.system(MOST).functions["segment"].most_instances == 100
    assert math.isinf(deployed.system(MOST).ceiling)
    assert deployed.system(QUOTA).quota.keys() == {"caption", "segment"}


def test_where_a_limit_is_below_the_rate_the_simulation_does_not_keep_up() -> None:
    """Two ways to the same answer: each part's own figures, and all parts together."""
    by_choice = {choice.name: {each.name: each.per_s for each in figures.all_limits(choice)} for choice in CHOICES}
    for each in figures.last():
        limits = by_choice[each.choice]
        names = {"threads of a worker", "threads of `ingest`", "pushes of one subscription"} & limits.keys()
        if each.choice == QUOTA.name:  # counted by whole minutes
            assert each.finished <= deployed.quota_images_per_minute() * math.ceil(each.seconds / 60), each
        assert each.per_s <= 1.15 * min([each.rate, *(limits[name] for name in names)]), each


def test_the_lowest_limit_comes_first_and_the_ceiling_is_the_lowest_by_default() -> None:
    found = figures.all_limits(DEFAULT)

    assert [each.per_s for each in found] == sorted(each.per_s for each in found)
    assert found[0].name == "the day's ceiling"
    assert "the day's ceiling" not in {each.name for each in figures.all_limits(MOST)}


def test_the_command_prints_any_rate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_LONGEST", 60)

    assert main(["--rate", "0.5"]) == 0

    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == [choice.words for choice in CHOICES]


def test_a_measured_load_is_kept_only_if_its_simulation_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed, "MEASURED", tmp_path / "measured.json")
    numbers = {"ingest": 0.00301234, "caption": 0.02, "segment": 0.04, "gemini": 0.1}
    one = {"finished": 1, "throughput": 2.0, "p50_s": 3.0, "p95_s": 4.0, "most_backlog": 1}
    load = {
        "agree": True,
        "plan": {"rate": 2.0, "seconds": 60.0, "burst": 5, "model_s": 2.0},
        "machine": {"cores": 2, "system": "Linux x86_64", "python": "3.11.2"},
        "measured": one,
        "simulated": {**one, "p95_s": 5.0},
        "calibration": {
            "workers": ["caption", "segment"],
            "cpu_s": numbers,
            "share_before": {"caption": 0.5, "segment": 0.5},
            "cold_s": numbers,
            "others": 0.123,
        },
    }

    deployed.keep_measured(load)

    kept = json.loads((tmp_path / "measured.json").read_text())
    assert kept["cpu_s"] == {"ingest": 0.003, "caption": 0.02, "segment": 0.04}
    assert "| 95th percentile, s | 4 | 5 | 1.25 |" in page.blocks()["measured"]
    deployed.measured.cache_clear()
    with pytest.raises(ValueError, match="measure again"):
        deployed.keep_measured({**load, "agree": False})
