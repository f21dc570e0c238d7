"""What an earlier run has answered for the same bytes and name is not asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.demo.answers import Answers, Kept, lay_out
from infra.local.demo.planned import Planner, Upload
from infra.local.demo.resume import take_up
from infra.local.demo.samples import Sample
from shared.core.planning.rules import parse_rules
from tests.export_documents import document, folder, item, mask_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RULES = parse_rules('[defaults]\ntasks = ["caption", "detect"]')
PLANNER = Planner(RULES, "v1", "emulator developer")
MASK = f"{folder()}/segment/mask-000.png"
RESULT = document([item("cat", (0, 0, 2, 2), mask=mask_of(MASK))])


def _sample(path: Path, data: bytes = b"a picture", metadata: Mapping[str, str] | None = None) -> Sample:
    path.write_bytes(data)
    return Sample(path, "yours", metadata=metadata or {})


def _keys(uploads: list[Upload]) -> set[str]:
    return {asked.key for upload in uploads for asked in upload.asked}


def _asked(upload: Upload) -> list[str]:
    return [asked.task for asked in upload.asked]


def test_the_same_question_has_the_same_key_and_any_other_another(tmp_path: Path) -> None:
    sample = _sample(tmp_path / "cat.jpg")
    plain = PLANNER.plan({"cat.jpg": sample})
    other_rules = parse_rules('[defaults]\ntasks = ["caption", "detect"]\nlanguage = "German"')

    assert _keys(PLANNER.plan({"cat.jpg": sample})) == _keys(plain)
    assert _keys(plain).isdisjoint(_keys(PLANNER.plan({"dog.jpg": sample})))
    assert _keys(plain).isdisjoint(_keys(PLANNER.plan({"cat.jpg": _sample(tmp_path / "other", b"other")})))
    for planner in (
        replace(PLANNER, rules=other_rules),
        replace(PLANNER, run="v2"),
        replace(PLANNER, asker="developer"),
    ):
        assert _keys(plain).isdisjoint(_keys(planner.plan({"cat.jpg": sample})))


def test_only_what_is_not_answered_is_uploaded_and_asked(tmp_path: Path) -> None:
    uploads = PLANNER.plan({name: _sample(tmp_path / name, name.encode()) for name in ("a.jpg", "b.jpg", "c.jpg")})
    whole, part = uploads[0].asked, uploads[1].asked[:1]
    answers = {asked.key: Kept({}, tmp_path) for asked in (*whole, *part)}

    work = take_up(uploads, PLANNER, answers.get)

    assert [(upload.name, _asked(upload)) for upload in work.to_upload] == [
        ("b.jpg", ["detect"]),
        ("c.jpg", ["caption", "detect"]),
    ]
    assert [upload.metadata for upload in work.to_upload] == [{"uplook-tasks": "detect"}, {}]
    assert [place[:2] for place in work.kept] == [("a.jpg", "caption"), ("a.jpg", "detect"), ("b.jpg", "caption")]
    assert work.calls == 3
    assert work.words == "1 of 3 images have their results from an earlier run (3 of 6 tasks); FRESH=1 asks again."


def test_what_a_manifest_may_name_is_uploaded_without_being_asked_again(tmp_path: Path) -> None:
    samples = {"a.jpg": _sample(tmp_path / "a.jpg"), "q.uplook.json": _sample(tmp_path / "q.uplook.json")}
    uploads = PLANNER.plan(samples)
    answers = {asked.key: Kept({}, tmp_path) for asked in uploads[0].asked}

    work = take_up(uploads, PLANNER, answers.get)

    assert [(upload.name, _asked(upload)) for upload in work.to_upload] == [("a.jpg", []), ("q.uplook.json", ["ask"])]


def test_a_manifest_is_asked_again_where_any_image_has_changed(tmp_path: Path) -> None:
    manifest = _sample(tmp_path / "q.uplook.json")
    before = PLANNER.plan({"a.jpg": _sample(tmp_path / "a.jpg"), "q.uplook.json": manifest})[1]
    after = PLANNER.plan({"a.jpg": _sample(tmp_path / "a.jpg", b"new"), "q.uplook.json": manifest})[1]

    assert before.asked[0].key != after.asked[0].key


def test_everything_is_asked_where_metadata_cannot_say_less(tmp_path: Path) -> None:
    """A question by the rules makes `ask` a task of every upload that names it."""
    rules = parse_rules('[defaults]\ntasks = ["ask"]\n[defaults.ask]\nquestion = "What is it?"')
    planner = replace(PLANNER, rules=rules)
    samples = {"a.jpg": _sample(tmp_path / "a.jpg"), "q.uplook.json": _sample(tmp_path / "q.uplook.json")}
    uploads = planner.plan(samples)

    work = take_up(uploads, planner, {uploads[0].asked[0].key: Kept({}, tmp_path)}.get)

    assert [_asked(upload) for upload in work.to_upload] == [["ask"], ["ask"]]
    assert work.kept == ()


def _fetch(_: Mapping[str, Any], target: Path) -> None:
    target.write_bytes(b"a mask")


def test_an_answer_is_found_again_with_its_files_and_laid_out(tmp_path: Path) -> None:
    Answers(tmp_path / "answers").keep("key", RESULT, _fetch)

    kept = Answers(tmp_path / "answers").find("key")
    assert kept is not None
    paths = lay_out(kept, tmp_path / "results" / "01-cat", "segment")

    assert paths[MASK].read_bytes() == b"a mask"
    assert json.loads((tmp_path / "results" / "01-cat" / "segment.json").read_text(encoding="utf-8")) == RESULT


@pytest.mark.parametrize("spoil", ["no document", "cut", "no mask", "odd"])
def test_an_answer_that_is_not_whole_is_none(tmp_path: Path, spoil: str) -> None:
    kept = Answers(tmp_path).keep("key", RESULT, _fetch)
    path = kept.folder / "result.json"
    if spoil == "no document":
        path.unlink()
    elif spoil == "no mask":
        (kept.folder / "mask-000.png").unlink()
    else:
        path.write_text(path.read_text(encoding="utf-8")[:40] if spoil == "cut" else "{}", encoding="utf-8")

    assert Answers(tmp_path).find("key") is None


def test_a_failure_is_no_answer_and_replaces_none(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    answers.keep("key", RESULT, _fetch)
    answers.keep("key", {"status": "failed", "files": []}, _fetch)
    answers.keep("other", {"status": "failed", "files": []}, _fetch)

    assert answers.find("key") is not None
    assert answers.find("other") is None


def test_a_download_that_fails_leaves_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    answers = Answers(tmp_path)
    answers.keep("key", RESULT, _fetch)

    def broken(_: Mapping[str, Any], target: Path) -> None:
        target.write_bytes(b"a m")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        answers.keep("key", RESULT, broken)

    assert answers.find("key") is not None
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
