"""Every command of the pages below docs/, typed in the order of its page beside one running stack."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import blocks, pages, typed

if TYPE_CHECKING:
    from tests.docs.blocks import Block
    from tests.docs.stage import Stage

TYPED = [block for page in pages() if page != "README.md" for block in typed(page)]
SAID = {
    "docs/emulators/gemini.md": ('"candidates"', '"box_2d"', '"label"', '"id":'),
    "docs/emulators/pubsub.md": (
        "hello {'language': 'en'}\n",
        "pushed: hello\n",
        '"skip":1,"times":5',
        "['twice', 'twice']\n",
    ),
    "docs/emulators/storage.md": (
        "hello {'mood': 'good'} True\n",
        "from curl",
        '"skip":1,"times":2',
        "repetition: mine\n",
    ),
    "docs/exports.md": ("photo.jpg (", "200, 300)"),
    "docs/operating.md": ("Nothing is stuck.", "uploaded: ", "caption", "detect"),
    "docs/sql.md": ("caption", "photo.jpg", "label"),
}
"""What the examples of a page print, in order."""

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the shell examples need curl")


@pytest.fixture(scope="module")
def reader(stage: Stage) -> Stage:
    """A reader who has run the demo once and uploaded a photograph to a stack that is still running."""
    stage.command("make up VIEWER_PORT=0")
    stage.command("make demo IMAGES=photo.jpg")
    stage.upload("holiday/cat.jpg", stage.root / "cat.jpg")
    return stage


@pytest.mark.parametrize("block", TYPED, ids=str)
def test_the_block_runs(reader: Stage, block: Block) -> None:
    reader.run(block)


@pytest.mark.parametrize("page", SAID)
def test_the_examples_of_the_page_print_what_they_are_for(reader: Stage, page: str) -> None:
    said, at = reader.said[page], 0

    for words in SAID[page]:
        at = said.find(words, at) + 1
        assert at, f"{words!r} was not printed, or not in this place:\n{said}"


def test_the_statistics_of_the_page_are_those_of_the_emulator(reader: Stage) -> None:
    said = reader.said["docs/emulators/pubsub.md"]

    [shown] = [json.loads(block.text) for block in blocks("docs/emulators/pubsub.md") if block.language == "json"]
    found, _ = json.JSONDecoder().raw_decode(said, said.index('{"topics"'))
    assert {part: found[part] | shown[part] for part in shown} == found


def test_an_export_holds_what_the_page_says(reader: Stage) -> None:
    dataset = json.loads((reader.root / "coco.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (reader.root / "results.jsonl").read_text(encoding="utf-8").splitlines()]

    assert {"images", "annotations", "categories"} <= dataset.keys()
    assert {line["task"] for line in lines} == {"caption", "detect", "segment"}
