"""The README's first command, as a stranger runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from skimage import data

from infra.emulators.gemini.eyes import EYES_VARIABLE, Eyes
from infra.emulators.gemini.vision import weights
from infra.local import endpoints, official_pubsub
from infra.local.demo.samples import make_samples
from infra.local.process import ROOT
from shared.core.results import schemas
from tests import demo_excerpt
from tests.closed_schema import documented
from tests.e2e.test_stack import alive, local
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from pathlib import Path


NAMED = {"astronaut.jpg": "person", "cat.webp": "cat", "coffee.heic": "cup"}


def _official_reason() -> str | None:
    try:
        official_pubsub.find(os.environ)
    except official_pubsub.OfficialUnavailableError as error:
        return str(error)
    return None


def _documents(state_dir: Path) -> dict[str, dict[str, object]]:
    found = {}
    for path in sorted((state_dir / "results").glob("*/*.json")):
        document = documented(path.read_bytes(), where=str(path))
        assert schemas.problem(document, schemas.RESULT) is None
        found[f"{document['source']['name']}/{document['task']}"] = document
    return found


@pytest.mark.parametrize("pubsub", ["embedded", "official"])
def test_the_demo_shows_every_kind_of_upload_and_its_results(tmp_path: Path, pubsub: str) -> None:
    if pubsub == "official" and (reason := _official_reason()):
        pytest.skip(reason)

    eyes = Eyes.DETECTOR if weights.present() else Eyes.CLASSICAL
    env = {"COLUMNS": str(demo_excerpt.COLUMNS), EYES_VARIABLE: eyes}
    ended = local("demo", "--state", str(tmp_path), "--pubsub", pubsub, env=env)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    documents = _documents(tmp_path)
    if eyes == Eyes.DETECTOR:
        first = {name: documents[f"{name}/detect"]["items"][0]["label"] for name in NAMED}  # type: ignore[index]
        assert first == NAMED
    assert len(documents) == 7 * 3 + 3
    large = [documents[f"deep field, large.png/{task}"]["transport"] for task in ("caption", "detect", "segment")]
    assert [carried["kind"] for carried in large] == ["file"] * 3  # type: ignore[index]
    assert documents["coffee.heic/detect"]["transport"]["changes"] == []  # type: ignore[index]
    assert documents["rocket on its side.jpg/detect"]["image"]["orientation"] == 6  # type: ignore[index]
    assert documents["shopping list.jpg/detect"]["error"]["code"] == "not_an_image"  # type: ignore[index]
    several = documents["most light.uplook.json/ask"]["images"]
    assert [image["uri"].partition("://")[0] for image in several] == ["gs", "gs", "http"]  # type: ignore[attr-defined]
    assert "15 calls for 21 answers" in ended.stdout
    assert "astronaut.jpg, detect: its event was delivered again" in ended.stdout
    assert (tmp_path / "overview.jpg").stat().st_size > 10_000
    if eyes == Eyes.DETECTOR:
        readme = demo_excerpt.README.read_text(encoding="utf-8")
        assert demo_excerpt.filled(readme, ended.stdout) == readme  # if not: python -m tests.demo_excerpt
    assert [str(path) for path in (tmp_path, *tmp_path.rglob("*")) if path.stat().st_mode & 0o077] == []


def test_the_demo_takes_a_folder_of_own_photos_with_odd_names(tmp_path: Path) -> None:
    photos = tmp_path / "my photos"
    (photos / "sub").mkdir(parents=True)
    picture = Image.fromarray(data.coffee())
    names = [
        "plain.jpg",
        "with space.png",
        "Bäume im Herbst.webp",
        "#1 50%.jpg",
        "a..b...jpg",
        "sub/🙂.jpg",
    ]
    for name in names:
        picture.save(photos / name)
    heic = next(each for each in make_samples(tmp_path / "samples") if each.path.suffix == ".heic")
    (photos / "from my phone.heic").write_bytes(heic.path.read_bytes())
    picture.save(photos / ".hidden.jpg")
    (photos / "notes.txt").write_text("no image", encoding="utf-8")

    ended = local("demo", "--state", str(tmp_path / "state"), "--images", str(photos))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    uploaded = [*names, "from my phone.heic"]
    assert sorted(_documents(tmp_path / "state")) == sorted(
        f"{name}/{task}" for name in uploaded for task in ("caption", "detect", "segment")
    )
    told = " ".join(ended.stdout.split())
    assert "Things have no names" in told
    assert "1 because: hidden (its name begins with a dot) .hidden.jpg" in told
    assert "1 because: no image by its name notes.txt" in told


def test_the_demo_fails_where_an_own_image_has_no_result(tmp_path: Path) -> None:
    """An image by its first bytes, which ends there: only whoever decodes it can know."""
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and then nothing")

    ended = local("demo", "--state", str(tmp_path / "state"), "--images", str(tmp_path / "broken.jpg"))

    assert ended.returncode == 1
    assert "! failed: " in ended.stdout


def test_the_demo_says_so_where_there_is_nothing_to_show_and_keeps_the_last_results(tmp_path: Path) -> None:
    last = tmp_path / "state" / "results" / "01-cat.jpg" / "caption.json"
    last.parent.mkdir(parents=True)
    last.touch()

    ended = local("demo", "--state", str(tmp_path / "state"), "--images", str(tmp_path / "nowhere"))

    assert ended.returncode == 1
    assert "there is nothing at" in ended.stdout
    assert last.exists()


def test_a_demo_that_is_told_to_end_takes_its_stack_along(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "infra.local", "demo", "--state", str(tmp_path)]
    demo = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    state = wait_until(lambda: endpoints.read(tmp_path), "ready stack")

    demo.send_signal(signal.SIGHUP)  # as the shell does when its terminal is closed
    output, _ = demo.communicate(timeout=WAIT_S)

    assert (demo.returncode, "Interrupted" in output) == (130, True)
    assert [name for name, pid in state.children.items() if alive(pid)] == []
