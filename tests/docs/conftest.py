"""The files that a reader has at hand: a photograph under the names that the pages use."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from skimage import data

from tests.docs.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator


def _photo(image_format: str) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(data.coffee()).resize((300, 200)).save(sink, image_format)
    return sink.getvalue()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A reader's copy of the repository; what was started in it is ended."""
    photos = {"cat.jpg": _photo("JPEG"), "photo.jpg": _photo("JPEG"), "photo.png": _photo("PNG")}
    found = Stage(tmp_path_factory.mktemp("reader"), photos)
    yield found
    found.leave()
