"""`IMAGES=` takes the images of a folder, follows nothing out of it, and says what it leaves, and why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from infra.local.demo import preparing, show
from infra.local.demo.choosing import HIDDEN, LINK, NAME, OWN, choose, content_type

if TYPE_CHECKING:
    from pathlib import Path


def _picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "teal").save(path)
    return path


def _written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """A folder with one image, and an image beside it that nothing in it should lead to."""
    _picture(tmp_path / "secret" / "private.jpg")
    _picture(tmp_path / "photos" / "cat.jpg")
    return tmp_path / "photos"


def _left_out(folder: Path) -> dict[str, str]:
    chosen = choose(folder, own=folder.parent / "state")
    assert set(chosen.taken) == {"cat.jpg"}
    return chosen.left_out


def test_every_kind_of_image_is_taken_by_any_name_in_order(tmp_path: Path) -> None:
    names = ["#1 50%.png", "Bäume.webp", "a..b.jpg", "b.bmp", "b.tiff", "c.gif", "d.avif", "sub/🙂.jpg"]
    for name in names:
        _picture(tmp_path / name)
    _written(tmp_path / "question.uplook.json", b"{}")

    chosen = choose(tmp_path, own=tmp_path / ".state")

    assert list(chosen.taken) == [*sorted(names), "question.uplook.json"]
    assert chosen.left_out == {}


def test_hidden_files_and_folders_are_left(folder: Path) -> None:
    _picture(folder / ".cat.jpg")
    _picture(folder / ".thumbnails" / "cat.jpg")

    assert _left_out(folder) == {".cat.jpg": HIDDEN, ".thumbnails/": HIDDEN}


def test_no_link_is_followed_wherever_it_leads(folder: Path) -> None:
    (folder / "outside.jpg").symlink_to(folder.parent / "secret" / "private.jpg")
    (folder / "outside").symlink_to(folder.parent / "secret")
    (folder / "inside.jpg").symlink_to("cat.jpg")
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere.jpg").symlink_to("gone.jpg")

    assert _left_out(folder) == dict.fromkeys(["inside.jpg", "loop", "nowhere.jpg", "outside", "outside.jpg"], LINK)


def test_a_link_that_was_named_is_what_it_leads_to(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)

    assert set(choose(link, own=folder / "state").taken) == {"cat.jpg"}


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("notes.txt", b"no image", NAME),
        ("list.jpg", b"apples, bread", "no image by its content, which looks like plain text"),
        ("empty.png", b"", "an empty file"),
        ("film.jpg", b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00", "video/mp4, which is not supported"),
        ("line\nbreak.jpg", b"", "its name cannot be that of an object in Cloud Storage"),
        ("bytes \udcff.jpg", b"", "its name cannot be that of an object in Cloud Storage"),
    ],
)
def test_what_is_no_image_is_left_with_the_reason(folder: Path, name: str, data: bytes, reason: str) -> None:
    try:
        _written(folder / name, data)
    except OSError:
        pytest.skip("this file system takes no such name")

    assert _left_out(folder) == {name: reason}


def test_a_pipe_is_left_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")

    assert _left_out(folder) == {"pipe.jpg": "neither a file nor a folder"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_left_with_the_reason(folder: Path) -> None:
    _picture(folder / "locked.jpg").chmod(0)
    (folder / "closed").mkdir(mode=0)

    assert _left_out(folder) == dict.fromkeys(["closed/", "locked.jpg"], "cannot be read (Permission denied)")


def test_what_cannot_be_read_is_told_from_what_is_no_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(folder / "locked.jpg")
    opened = os.open

    def refusing(path: Path, *arguments: int) -> int:
        if path.name == "locked.jpg":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", refusing)

    assert _left_out(folder) == {"locked.jpg": "cannot be read (Permission denied)"}


def test_the_demos_own_folder_is_left(folder: Path) -> None:
    _picture(folder / "state" / "results" / "cat.jpg")

    chosen = choose(folder, own=folder / "state")

    assert (set(chosen.taken), chosen.left_out) == ({"cat.jpg"}, {"state/": OWN})


def test_missing_empty_and_without_an_image_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    _written(tmp_path / "texts" / "notes.txt", b"no image")
    screen = show.console()
    words = {}
    for name in ("missing", "empty", "texts"):
        with pytest.raises(FileNotFoundError) as refused:
            preparing.samples(tmp_path / name, tmp_path / "state", screen, web="")
        words[name] = str(refused.value)

    assert words == {
        "missing": f"IMAGES: there is nothing at {tmp_path / 'missing'}",
        "empty": f"IMAGES: the folder {tmp_path / 'empty'} is empty",
        "texts": f"IMAGES: none of the 1 file in {tmp_path / 'texts'} is an image",
    }


def test_what_is_taken_and_left_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _written(folder / "notes.txt", b"no image")
    _written(folder / "more.txt", b"no image")

    preparing.samples(folder, folder / "state", show.console(), web="")

    told = " ".join(capsys.readouterr().out.split())
    assert "Takes 1 file (0.0 MB)" in told
    assert "Leaves out 2: 2 because: no image by its name more.txt, notes.txt" in told


@pytest.mark.parametrize(
    "name", ["cat.png", "disc #1.png", "IMG:2 #1.png", "who?.png", "a/IMG:2/%23?x#.png", "data:,a.png"]
)
def test_a_name_is_no_address_whatever_is_in_it(name: str) -> None:
    assert content_type(name) == "image/png"
