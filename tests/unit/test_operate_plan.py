"""`python -m shared.operate plan`: what would happen to an upload, in words, with nothing called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.local import resources
from shared.command_line import DONE, FAILED
from shared.operate.cli import main
from tests.services import running

if TYPE_CHECKING:
    from pathlib import Path

_ENVIRONMENT = {
    "RESULTS_BUCKET": "results",
    "RESULTS_PREFIX": "uplook/",
    "WORK_BUCKET": "work",
    "UPLOAD_BUCKETS": "uploads,results",
    "IMAGE_TOPIC": "projects/local-dev/topics/image-events",
    "RESULT_TOPIC": "projects/local-dev/topics/image-results",
}


@pytest.fixture(autouse=True)
def _deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def _plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["plan", *arguments]) == DONE
    return capsys.readouterr().out.splitlines()


def test_it_names_the_tasks_and_who_decided_each_setting(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _plan(capsys, "gs://uploads/cat.jpg", "--metadata", "uplook-question=Whose = it?")

    assert lines[0] == "gs://uploads/cat.jpg: ask, caption, detect, segment"
    assert lines[1] == "Who has a say, the last word last: defaults, metadata"
    assert any(line.split() == ["max_items", "default", "25"] for line in lines)
    assert any(line.split() == ["question", "metadata.question", "Whose", "=", "it?"] for line in lines)
    assert "classify: left out, not among the tasks wanted (metadata.tasks)" in lines
    assert lines[-1].startswith("How the image travels")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("gs://elsewhere/cat.jpg",),
            "gs://elsewhere/cat.jpg: left out, not an upload bucket (UPLOAD_BUCKETS names uploads, results)",
        ),
        (("gs://results/uplook/a.jpg",), "gs://results/uplook/a.jpg: left out, it lies below the results' prefix"),
        (
            ("gs://uploads/a.txt", "--content-type", "text/plain"),
            "gs://uploads/a.txt: left out, not an image by name or content type (text/plain)",
        ),
        (
            ("gs://uploads/\x1b[31m", "--content-type", "image/png"),
            "gs://uploads/\\x1b[31m: caption, detect, segment",
        ),
    ],
)
def test_what_is_left_out_says_why(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], line: str) -> None:
    assert _plan(capsys, *arguments)[0] == line


def test_rules_can_be_tried_without_a_deployment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in _ENVIRONMENT:
        monkeypatch.delenv(name)
    rules = tmp_path / "rules.toml"
    rules.write_text('[defaults]\ntasks = ["classify"]\n', encoding="utf-8")

    lines = _plan(capsys, "gs://any/cat.jpg", "--rules", str(rules), "--metadata", "uplook-x=1")

    assert lines[0] == "gs://any/cat.jpg: classify"
    assert lines[2].startswith("Warning: metadata uplook-x: expected a key among")


def test_rules_that_cannot_be_used_fail_with_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[defaults]\ntasks = 1\nmax_items = 0\n", encoding="utf-8")

    assert main(["plan", "gs://any/cat.jpg", "--rules", str(rules)]) == FAILED

    problems = capsys.readouterr().err
    assert "defaults.tasks: expected" in problems
    assert "defaults.max_items: expected" in problems


@pytest.mark.parametrize(
    "arguments", [("cat.jpg",), ("gs://uploads",), ("gs:///cat.jpg",), ("gs://b/o", "--metadata", "tasks")]
)
def test_what_is_no_object_and_no_pair_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", *arguments])

    assert ended.value.code == 2


def test_live_plans_for_the_content_type_that_the_object_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running("storage") as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        bucket = resources.storage_client(url).create_bucket("uploads")
        bucket.blob("scan-0001").upload_from_string(b"x", content_type="text/plain")
        bucket.blob("photo.raw-export").upload_from_string(b"x", content_type="image/jpeg")

        scan, *_ = _plan(capsys, "gs://uploads/scan-0001", "--live")
        photo, *_ = _plan(capsys, "gs://uploads/photo.raw-export", "--live")
        tried, *_ = _plan(capsys, "gs://uploads/scan-0001", "--live", "--content-type", "image/png")

    assert scan == "gs://uploads/scan-0001: left out, not an image by name or content type (text/plain)"
    assert photo == "gs://uploads/photo.raw-export: caption, detect, segment"
    assert tried == "gs://uploads/scan-0001: caption, detect, segment"


def test_live_reads_the_metadata_that_the_object_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running("storage") as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        blob = resources.storage_client(url).create_bucket("uploads").blob("cat.jpg")
        blob.metadata = {"uplook-tasks": "segment"}
        blob.upload_from_string(b"x", content_type="image/jpeg")

        assert _plan(capsys, "gs://uploads/cat.jpg", "--live")[0] == "gs://uploads/cat.jpg: segment"
        assert main(["plan", "gs://uploads/dog.jpg", "--live"]) == FAILED
    assert "there is no gs://uploads/dog.jpg" in capsys.readouterr().err


def test_it_tells_the_rules_and_every_limit_that_the_calls_count_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[defaults]\ntasks = ["caption"]\n[[budgets]]\nprefix = "shop/"\nmax_usd_per_day = 0.0001\n'
        '[[budgets]]\nbucket = "uploads"\nprefix = "zoo/"\nmax_calls_per_day = 5\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("RULES_FILE", str(rules))

    lines = _plan(capsys, "gs://uploads/zoo/cat.jpg")
    assert f"Rules: {rules}" in lines
    assert "Its calls count for no ceiling (MAX_CALLS_PER_DAY, MAX_USD_PER_DAY)," in " ".join(lines)
    assert ", and for the budget of gs://uploads/zoo/ (5 calls a day)" in " ".join(lines)

    monkeypatch.setenv("MAX_CALLS_PER_DAY", "50")
    lines = _plan(capsys, "gs://uploads/shop/cat.jpg")
    assert (
        "Its calls count for the day's ceiling (50 calls), and for the budget of shop/ in any bucket"
        " (0.0001 dollars a day)" in lines
    )
    assert any("and the budget of shop/ in any bucket is 0.0001: none will be made" in line for line in lines)
