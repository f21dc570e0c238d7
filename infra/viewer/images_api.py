"""The routes of images: those that fit a query, the story of one, and what can be taken of it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from infra.viewer import downloads, names
from infra.viewer.answers import as_json, attached, live_of
from infra.viewer.cards import document_name
from infra.viewer.errors import ApiError
from infra.viewer.requests import read_key, read_window
from infra.viewer.story import read_image_story
from shared import bootstrap

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from infra.viewer.catalog import Record
    from infra.viewer.live import Live

_GONE = "There is no image of this key any more."


async def _images(request: Request) -> Response:
    live, window = live_of(request), read_window(request.scope["query_string"])
    catalog = live.catalog
    found = catalog.page(window.query, offset=window.offset, limit=window.limit, around=window.around)
    return as_json(
        request,
        {
            "offset": found.offset,
            "matched": found.matched,
            "around": found.around,
            "at": found.at,
            "overview": catalog.overview(),
            "images": [record.document() for record in found.records],
        },
    )


async def _story(request: Request) -> Response:
    live, record = _asked(request)
    heard, runs = live.history.of(record.source), live.catalog.runs(record.source)
    ports = await live.in_thread(bootstrap.ports)
    told = await live.in_thread(lambda: read_image_story(record.source, filter(None, runs), heard, ports))
    return as_json(request, told)


async def _archive(request: Request) -> Response:
    live, record = _asked(request)
    read = partial(_read, live)
    content = await live.in_thread(lambda: downloads.archive_of(_documents(live, record), read))
    return attached(content, name=f"{_stem(record)}.zip", media_type="application/zip")


async def _coco(request: Request) -> Response:
    live, record = _asked(request)
    read = partial(_read, live)
    dataset = await live.in_thread(lambda: downloads.coco_of(_documents(live, record), read))
    content = json.dumps(dataset).encode()
    return attached(content, name=f"{_stem(record)}.coco.json", media_type="application/json")


def _asked(request: Request) -> tuple[Live, Record]:
    live = live_of(request)
    return live, record_of(live, read_key(request.scope["query_string"]))


def record_of(live: Live, key: str) -> Record:
    """Return what is known of an image.

    Raises:
        ApiError: 404, there is none of this key.
    """
    record = live.catalog.find(key)
    if record is None:
        raise ApiError(404, _GONE)
    return record


def _documents(live: Live, record: Record) -> list[dict[str, Any]]:
    return [json.loads(_read(live, document_name(card))) for card in record.tasks.values() if card and card["document"]]


def _read(live: Live, name: str) -> bytes:
    return live.store.read(names.Address(live.store.places.results, name)).data


def _stem(record: Record) -> str:
    return record.source.name.rpartition("/")[2].rpartition(".")[0] or "image"


ROUTES = (
    Route("/api/images", _images),
    Route("/api/story", _story),
    Route("/api/archive", _archive),
    Route("/api/coco", _coco),
)
