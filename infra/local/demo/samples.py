"""The demo's own pictures: photographs that scikit-image carries, in the forms that real uploads have.

Sources and licences: `samples/SOURCES.md`.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from skimage import data

from infra.local import topology

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ORIENTATION_TAG = 0x0112  # EXIF 2.32, table 4
_TURN_RIGHT = 6  # "the picture must be turned 90 degrees clockwise to stand upright"
_COMMITTED = Path(__file__).with_name("samples")


@dataclass(frozen=True, slots=True)
class Sample:
    """One upload: a file, why it is in the demo, the metadata of its upload, and whether it must fail."""

    path: Path
    why: str
    fails: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


def make_samples(folder: Path) -> list[Sample]:
    """Write the sample files that are not there yet; return all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for name, (make, why) in _PICTURES.items():
        path = folder / name
        if not path.exists():
            part = path.with_name(f"part-{name}")
            make(part)
            part.replace(path)  # whole or not at all: an interrupted demo leaves no half picture behind
        samples.append(Sample(path, why, fails=name == _POISON, metadata=_METADATA.get(name, {})))
    return samples


def make_manifest(folder: Path, *, web: str) -> Sample:
    """Write a question about three pictures: two that are uploaded beside it, one at `web`."""
    path = folder / "most light.uplook.json"
    manifest = {
        "schema": "uplook.manifest/1",
        "question": "Which of these pictures has the most light?",
        "images": ["astronaut.jpg", f"gs://{topology.UPLOADS}/cat.webp", f"{web}/coins.png"],
    }
    path.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return Sample(path, "one question about three pictures, one of them from the web")


def _jpeg(path: Path) -> None:
    Image.fromarray(data.astronaut()).save(path, "JPEG", quality=92)


def _webp(path: Path) -> None:
    Image.fromarray(data.chelsea()).save(path, "WEBP", quality=88)


def _png(path: Path) -> None:
    Image.fromarray(data.coins()).save(path, "PNG")


def _sideways(path: Path) -> None:
    """Store the rocket lying on its side, as a phone does, with the tag that says how to turn it."""
    lying = Image.fromarray(data.rocket()).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = _TURN_RIGHT
    lying.save(path, "JPEG", quality=92, exif=exif)


def _large(path: Path) -> None:
    """Enlarge a photograph, with the grain of a real sensor, until it is too large to travel inline."""
    picture = Image.fromarray(data.hubble_deep_field()).resize((3100, 2703), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(20261121).integers(-9, 10, (2703, 3100, 3), dtype=np.int16)
    pixels = np.clip(np.asarray(picture, dtype=np.int16) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, "PNG", compress_level=1)


def _heic(path: Path) -> None:
    shutil.copyfile(_COMMITTED / "coffee.heic", path)


def _poison(path: Path) -> None:
    path.write_text("This is a shopping list, not a photo: apples, bread, two lemons.\n", encoding="utf-8")


_POISON = "shopping list.jpg"

_METADATA: dict[str, dict[str, str]] = {
    "astronaut.jpg": {"uplook-tasks": "caption,detect,segment,classify"},
    "cat.webp": {"uplook-question": "What are its main colours?"},
}
"""What an uploader can ask for beyond the rules: other tasks, a question."""

_PICTURES: dict[str, tuple[Callable[[Path], None], str]] = {
    "astronaut.jpg": (_jpeg, "an ordinary JPEG"),
    "cat.webp": (_webp, "WebP"),
    "coins.png": (_png, "a grey PNG"),
    "rocket on its side.jpg": (_sideways, "EXIF orientation 6: stored lying, shown standing"),
    "coffee.heic": (_heic, "HEIC, as phones make it"),
    "deep field, large.png": (_large, "too large to travel inline: goes by the Files API"),
    _POISON: (_poison, "poison: a text that is called .jpg"),
}
