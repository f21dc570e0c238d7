"""Recorded replies in place of local vision."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from google.genai import Client, types

from tests.contract.gemini_rig import PICTURES, connected, disc, generate, part
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = PICTURES["image/png"]
SHA256 = hashlib.sha256(PNG).hexdigest()
RECORDED = Path(__file__).parents[1] / "replies"
CASE = "segtokens_forum_gemini25"
TEXT = (RECORDED / CASE / "response.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def _url() -> Iterator[str]:
    with running("gemini", "--replies", str(RECORDED)) as address:
        yield address


@pytest.fixture
def url(_url: str) -> Iterator[str]:
    yield _url
    httpx2.delete(f"{_url}/_control/replies", timeout=WAIT_S).raise_for_status()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with connected(url) as connection:
        yield connection


def add(url: str, **rule: Any) -> Any:
    return httpx2.post(f"{url}/_control/replies", json=rule, timeout=WAIT_S)


def test_an_image_is_answered_with_the_recorded_case_whatever_the_model(client: Client, url: str) -> None:
    add(url, image_sha256=SHA256, case=CASE).raise_for_status()
    answers = [generate(client, part(), "x", model=model) for model in ("gemini-3.8-flash", "gemini-2.5-flash")]
    assert [answer.text for answer in answers] == [TEXT, TEXT]
    assert answers[0].model_version == "recorded-reply"
    assert answers[0].usage_metadata.prompt_token_count > 1120
    assert "orange" in generate(client, part(disc("JPEG"), "image/jpeg"), "Describe").text


def test_a_model_is_answered_with_a_text_as_often_as_asked(client: Client, url: str) -> None:
    add(url, subject="gemini-2.5-*", text="[1, 2", finish_reason="MAX_TOKENS", times=1).raise_for_status()
    cut = generate(client, part(), "Describe", model="gemini-2.5-flash")
    assert (cut.text, cut.candidates[0].finish_reason) == ("[1, 2", types.FinishReason.MAX_TOKENS)
    assert "orange" in generate(client, part(), "Describe", model="gemini-2.5-flash").text


def test_the_newest_rule_decides_and_each_counts_its_hits(client: Client, url: str) -> None:
    add(url, subject="*", text="old").raise_for_status()
    add(url, image_sha256=SHA256, text="new").raise_for_status()
    assert [generate(client, *contents).text for contents in ((part(), "x"), ("x",))] == ["new", "old"]
    assert [rule["hits"] for rule in httpx2.get(f"{url}/_control/replies", timeout=WAIT_S).json()["replies"]] == [1, 1]


def test_the_cases_are_listed_by_name(url: str) -> None:
    cases = httpx2.get(f"{url}/_control/replies", timeout=WAIT_S).json()["cases"]
    assert cases == sorted(path.parent.name for path in RECORDED.glob("*/response.txt"))


def test_a_folder_that_names_its_image_answers_for_it_without_a_rule(tmp_path: Path) -> None:
    folder = tmp_path / "disc"
    folder.mkdir()
    (folder / "response.txt").write_text("a disc", encoding="utf-8")
    meta = {"image_sha256": SHA256, "finish_reason": "RECITATION"}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    with running("gemini", "--replies", str(tmp_path)) as own, connected(own) as client:
        answer = generate(client, part(), "x")
    assert (answer.text, answer.candidates[0].finish_reason) == ("a disc", types.FinishReason.RECITATION)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "expected either image_sha256 or subject"),
        ({"subject": "*"}, "expected either text or case"),
        ({"subject": "*", "case": "none"}, "case: expected one of caption_clothes_1"),
        ({"subject": "*", "text": "x", "times": -1}, "a number in times"),
        ({"subject": 7, "text": "x"}, "expected texts"),
        ({"model": "*", "text": "x"}, "expected an object of image_sha256"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(url: str, rule: dict[str, Any], words: str) -> None:
    refusal = add(url, **rule)
    assert (refusal.status_code, words in refusal.json()["error"]) == (400, True)
