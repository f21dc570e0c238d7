from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from google.genai import errors

from tests.contract.gemini_rig import PICTURES, connected, disc, generate, part
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from google.genai import Client

pytest_plugins = ["tests.contract.gemini_fixtures"]

PNG = PICTURES["image/png"]


def calls(url: str) -> Any:
    return httpx2.get(f"{url}/_control/calls", timeout=WAIT_S).json()


def test_after_a_reset_nothing_was_called(url: str) -> None:
    assert calls(url) == {
        **dict.fromkeys(("total", "lines", "failed_lines", "uploads", "deletes"), 0),
        "by_model": {},
        "calls": [],
    }


def test_an_inline_call_is_recorded_with_its_images_hash(client: Client, url: str) -> None:
    generate(client, part(), "Detect box_2d")
    image = {
        "transport": "inline",
        "sha256": hashlib.sha256(PNG).hexdigest(),
        "mime_type": "image/png",
        "bytes": len(PNG),
    }
    assert calls(url)["calls"] == [
        {
            "model": "gemini-3.8-flash",
            "task": "detect",
            "images": [image],
            "status": 200,
            "fault": None,
            "transport": ["inline"],
        }
    ]


def test_uploads_deletes_and_file_calls_are_counted(client: Client, url: str) -> None:
    file = client.files.upload(file=io.BytesIO(PNG), config={"mime_type": "image/png"})
    generate(client, file, part(), "Caption", model="gemini-2.5-flash")
    client.files.delete(name=str(file.name))
    seen = calls(url)
    assert (seen["total"], seen["by_model"]) == (1, {"gemini-2.5-flash": 1})
    assert (seen["uploads"], seen["deletes"]) == (1, 1)
    assert seen["calls"][0]["transport"] == ["file", "inline"]


def test_a_refused_call_is_recorded_with_its_status(client: Client, url: str) -> None:
    with pytest.raises(errors.ClientError):
        generate(client, part(b"nonsense"), "Caption")
    with pytest.raises(errors.ClientError):
        generate(client, part(), "Caption", model="gemini-1-forgotten")
    assert [call["status"] for call in calls(url)["calls"]] == [400, 404]


def test_counting_tokens_is_no_paid_call(client: Client, url: str) -> None:
    client.models.count_tokens(model="gemini-3.8-flash", contents=part())
    assert calls(url)["total"] == 0


def test_many_calls_at_once_are_all_answered(client: Client, url: str) -> None:
    pictures = [disc("JPEG"), disc("PNG"), disc("WEBP")]
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda number: generate(client, part(pictures[number % 3]), "Detect").text, range(24)))
    assert [len(set(texts[kind::3])) for kind in range(3)] == [1, 1, 1]
    assert calls(url)["total"] == 24


def test_a_held_back_answer_still_comes() -> None:
    with running("gemini", "--latency-ms", "50") as slow, connected(slow) as client:
        assert "orange" in generate(client, part(), "Caption").text
