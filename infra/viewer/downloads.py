"""What can be taken away of one result: all its files in an archive, and its items as COCO."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from shared.export.classes import category
from shared.export.coco import to_coco
from shared.export.pictures import Masks, choose_pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def archive_of(documents: Sequence[Mapping[str, Any]], read: Callable[[str], bytes]) -> bytes:
    """Return a ZIP of these documents and of every file that they list: masks, overlays, crops."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for document in documents:
            task = document["task"]
            archive.writestr(f"{task}.json", json.dumps(document, indent=1, ensure_ascii=False))
            for file in document.get("files") or ():
                archive.writestr(f"{task}/{file['name'].rpartition('/')[2]}", read(file["name"]))
    return made.getvalue()


def coco_of(documents: Sequence[Mapping[str, Any]], read: Callable[[str], bytes]) -> dict[str, Any]:
    """Return one COCO dataset of the image: of its tasks with items, the one with masks where there are any."""
    with_items = [document for document in documents if document.get("items") is not None and document.get("image")]
    with_items.sort(key=lambda document: any(item.get("mask") for item in document["items"]))
    pictures = choose_pictures(with_items[-1:]).pictures
    classes = sorted({category(item) for picture in pictures for item in picture.items})
    return to_coco(pictures, classes=classes, masks=Masks(read))
