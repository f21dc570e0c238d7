from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shared.export.places import FolderResults
from shared.export.reading import UnreadableError, documents
from tests.export_documents import document, folder, item, mask_of

if TYPE_CHECKING:
    from pathlib import Path

MASK = f"{folder()}/segment/mask-000.png"
RESULT = document([item("cat", (0, 0, 2, 2), mask=mask_of(MASK))])


def put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())


@pytest.mark.parametrize("root", ["", "v1", "v1/uploads", "v1/uploads/cat.jpg", "v1/uploads/cat.jpg/7"])
def test_a_copy_of_any_part_of_the_bucket_is_read_with_its_files(tmp_path: Path, root: str) -> None:
    put(tmp_path / folder() / "segment.json", RESULT)
    put(tmp_path / MASK, b"a mask")
    results = FolderResults(tmp_path / root)

    [found] = documents(results)

    assert found.document == RESULT
    assert found.place == str(tmp_path / folder() / "segment.json")
    assert results.read_file(MASK) == b"a mask"


def test_files_beside_their_document_are_read_as_the_demo_puts_them(tmp_path: Path) -> None:
    put(tmp_path / "01-cat.jpg" / "segment.json", RESULT)
    put(tmp_path / "01-cat.jpg" / "segment-mask-000.png", b"a mask")
    results = FolderResults(tmp_path)

    assert len(list(documents(results))) == 1
    assert results.read_file(MASK) == b"a mask"


def test_a_file_that_was_not_copied_is_unreadable(tmp_path: Path) -> None:
    put(tmp_path / "segment.json", RESULT)
    results = FolderResults(tmp_path)
    list(documents(results))
    with pytest.raises(UnreadableError, match="No such file"):
        results.read_file(MASK)


def test_a_file_that_its_document_does_not_list_is_unreadable(tmp_path: Path) -> None:
    put(tmp_path / "segment.json", RESULT | {"files": []})
    results = FolderResults(tmp_path)
    list(documents(results))
    with pytest.raises(UnreadableError, match="among the files of its document"):
        results.read_file(MASK)
