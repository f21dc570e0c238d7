"""The demo prints file names as they are, whatever its terminal would make of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from infra.local.demo import run, show
from infra.local.demo.collect import Outcome
from infra.local.demo.samples import Sample

DOCUMENT: dict[str, Any] = {
    "status": "failed",
    "transport": None,
    "usage": None,
    "error": {"message": "[bold]what[/] :cat: the file says [/red]"},
}
NAMES = ["photo [copy].jpg", "a[/b].jpg", "[red]x.jpg", ":cat:.png", "back\\.jpg", "[/].jpg"]


def _printed() -> tuple[Any, io.StringIO]:
    sink = io.StringIO()
    console = show.console()
    console.file = sink
    return console, sink


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are_in_the_table(name: str) -> None:
    console, sink = _printed()
    folder = Path("my [state]")

    console.print(show.table([Outcome(name, "caption", DOCUMENT, path=folder / name)], folder))

    assert sink.getvalue().count(name) == 2
    assert "my [state]" in sink.getvalue()
    assert "[bold]what[/] :cat: the file says [/red]" in sink.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are_in_what_is_said_of_them(name: str) -> None:
    console, sink = _printed()
    uploads = run.Uploads({name: Sample(Path(name), "yours")})

    assert run._judge(uploads, [Outcome(name, "caption", DOCUMENT, ["1"])], console) is False
    run._tell_of_calls(None, [Outcome(name, "caption", DOCUMENT, ["1", "1"])], console)

    assert f"! {name}, caption: failed: [bold]what[/] :cat:" in sink.getvalue()
    assert f"\n{name}, caption: the event was delivered twice" in sink.getvalue()


def test_the_last_results_are_no_images_of_your_own(tmp_path: Path) -> None:
    place = tmp_path / "results" / "01-cat" / "segment-overlay.jpg"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"")
    console, _ = _printed()

    with pytest.raises(FileNotFoundError, match="copy them first"):
        run.prepare(tmp_path / "results", tmp_path, console, web="")
