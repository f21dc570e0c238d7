"""Task read: lines of text come back as they are, whatever language answers are wanted in."""

from __future__ import annotations

from pathlib import Path

from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import resolve_settings
from shared.core.planning.rules import parse_rules
from shared.core.replies.answer import Answer
from shared.core.tasks import read
from shared.core.values import ImageInfo
from shared.pipeline.worker.analyze import analyze
from tests.rig import TEXTS, Rig

INFO = ImageInfo(width=80, height=60, format="jpeg", mime_type="image/jpeg")


def test_it_is_off_unless_somebody_wants_it() -> None:
    shipped = Path(read.__file__).parents[2] / "rules.toml"

    assert "read" not in (parse_rules(shipped.read_text(encoding="utf-8")).defaults.tasks or ())


def test_it_asks_for_the_lines_it_is_told_to_and_never_for_a_translation() -> None:
    wish = Choices(for_all=TaskChoices(language="German"))

    settings = resolve_settings("read", wish)

    assert (settings.max_items, settings.language) == (200, None)
    assert "at most 200 lines" in settings.prompt
    assert "German" not in settings.prompt


def test_its_lines_have_words_language_and_box() -> None:
    found = read.TASK.read(Answer(TEXTS["read"], "usable"), resolve_settings("read", Choices()), INFO)

    (line,) = found.items or ()
    assert (line.text, line.language, line.box_px) == ("square", "en", (20, 15, 60, 45))


def test_its_result_has_an_overlay_like_other_boxes() -> None:
    rig = Rig()
    event = rig.upload(task="read")

    analyze(event, rig.ports)

    document = rig.document(event)
    assert (document["items"][0]["text"], document["items"][0]["language"]) == ("square", "en")
    assert [file["name"].rpartition("/")[2] for file in document["files"]] == ["overlay.jpg"]
