"""Result documents: from JSON to a typed value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._fields import Fields, parse_object
from .choosing import split_uri
from .events import read_source
from .values import (
    AskedTask,
    ClassLabel,
    File,
    Image,
    Item,
    Mask,
    Model,
    Problem,
    Result,
    SeenImage,
    Settings,
    Transport,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILY, MAJOR = "uplook.result", 1


def parse_result(data: bytes | str, *, uri: str) -> Result:
    """Return the result in a document that lies at `uri` (`gs://…`); its files lie in the same bucket.

    Raises:
        MalformedError: it is no result document.
        UnsupportedVersionError: it is one of another major version.
    """
    document = parse_object(data, "a result document")
    fields = Fields(document)
    fields.check_version(FAMILY, MAJOR)
    bucket, _ = split_uri(uri)
    files = {each.text("name"): _file(each, bucket) for each in fields.children("files")}
    carried = fields.optional_child("transport")
    return Result(
        id=fields.text("id"),
        status=fields.text("status"),
        task=fields.text("task"),
        run=fields.text("run"),
        created=fields.text("created"),
        source=read_source(fields.child("source")),
        image=_image(fields.optional_child("image")),
        model=_model(fields.child("model")),
        transport=None if carried is None else _transport(carried),
        usage=_usage(fields.optional_child("usage")),
        timing_ms=_timing(fields.child("timing_ms")),
        caption=fields.optional_text("caption"),
        items=fields.optional_all("items", lambda item: _item(item, files)),
        classes=fields.optional_all("classes", _class),
        question=fields.optional_text("question"),
        answer=fields.optional_text("answer"),
        files=tuple(files.values()),
        warnings=fields.texts("warnings"),
        error=_problem(fields.optional_child("error")),
        uri=uri,
        images=fields.optional_all("images", _seen),
        settings=_settings(fields.optional_child("settings")),
        ask=fields.optional_all("ask", _asked),
        raw=document,
    )


def _file(fields: Fields, bucket: str) -> File:
    return File(
        uri=f"gs://{bucket}/{fields.text('name')}",
        content_type=fields.text("content_type"),
        size=fields.whole("size"),
        crc32c=fields.text("crc32c"),
    )


def _image(fields: Fields | None) -> Image | None:
    if fields is None:
        return None
    return Image(
        width=fields.whole("width"),
        height=fields.whole("height"),
        format=fields.text("format"),
        mime_type=fields.text("mime_type"),
        orientation=fields.whole("orientation"),
        frames=fields.whole("frames"),
    )


def _model(fields: Fields) -> Model:
    return Model(fields.text("requested"), fields.optional_text("served"), fields.optional_text("reused_from"))


def _transport(fields: Fields) -> Transport:
    return Transport(
        kind=fields.text("kind"),
        mime_type=fields.text("mime_type"),
        bytes=fields.whole("bytes"),
        reused=fields.flag("reused"),
        reason=fields.text("reason"),
        changes=fields.texts("changes"),
    )


def _seen(fields: Fields) -> SeenImage:
    return SeenImage(
        uri=fields.text("uri"),
        generation=fields.optional_decimal("generation"),
        crc32c=fields.optional_text("crc32c"),
        sha256=fields.optional_text("sha256"),
        width=fields.whole("width"),
        height=fields.whole("height"),
        format=fields.text("format"),
        mime_type=fields.text("mime_type"),
        orientation=fields.whole("orientation"),
        transport=_transport(fields.child("transport")),
    )


def _usage(fields: Fields | None) -> Usage | None:
    if fields is None:
        return None
    return Usage(
        prompt_tokens=fields.optional_whole("prompt_tokens"),
        output_tokens=fields.optional_whole("output_tokens"),
        thought_tokens=fields.optional_whole("thought_tokens"),
        total_tokens=fields.optional_whole("total_tokens"),
        cost_usd=fields.optional_number("cost_usd"),
        counted_in=fields.optional_text("counted_in"),
        tier=fields.optional_text("tier"),
        batch_job=fields.optional_text("batch_job"),
        saved_usd=fields.optional_number("saved_usd"),
    )


def _asked(fields: Fields) -> AskedTask:
    return AskedTask(fields.text("task"), fields.child("settings").values)


def _timing(fields: Fields) -> Mapping[str, int]:
    return {name: fields.whole(name) for name in fields.values}


def _item(fields: Fields, files: Mapping[str, File]) -> Item:
    mask = fields.optional_child("mask")
    return Item(
        index=fields.whole("index"),
        label=fields.text("label"),
        status=fields.text("status"),
        reason=fields.optional_text("reason"),
        box_2d=fields.optional_box("box_2d"),
        box_px=fields.optional_box("box_px"),
        box_px_stored=fields.optional_box("box_px_stored"),
        mask=None if mask is None else _mask(mask, files),
        crop_file=_listed(fields, "crop_file", files),
        notes=fields.optional_texts("notes"),
        text=fields.optional_text("text"),
        language=fields.optional_text("language"),
    )


def _mask(fields: Fields, files: Mapping[str, File]) -> Mask:
    return Mask(
        status=fields.text("status"),
        file=_listed(fields, "file", files),
        source=fields.optional_text("source"),
        area_px=fields.optional_whole("area_px"),
        reason=fields.optional_text("reason"),
        fit=fields.optional_number("fit"),
        soft_file=_listed(fields, "soft_file", files),
    )


def _listed(fields: Fields, key: str, files: Mapping[str, File]) -> File | None:
    name = fields.optional_text(key)
    if name is not None and name not in files:
        raise fields.wrong(key, "one of the files that the document lists", name)
    return None if name is None else files[name]


def _class(fields: Fields) -> ClassLabel:
    return ClassLabel(
        label=fields.text("label"),
        status=fields.optional_text("status") or "ok",
        reason=fields.optional_text("reason"),
        score=fields.optional_number("score"),
    )


def _settings(fields: Fields | None) -> Settings | None:
    if fields is None:
        return None
    safety = fields.optional_child("safety")
    return Settings(
        model=fields.text("model"),
        prompt=fields.text("prompt"),
        thinking=fields.text("thinking"),
        max_items=fields.whole("max_items"),
        max_bytes=fields.whole("max_bytes"),
        labels=fields.optional_texts("labels"),
        question=fields.optional_text("question"),
        language=fields.optional_text("language"),
        multi_label=fields.flag("multi_label") if fields.values.get("multi_label") is not None else False,
        system_instruction=fields.optional_text("system_instruction"),
        media_resolution=fields.optional_text("media_resolution"),
        temperature=fields.optional_number("temperature"),
        safety={} if safety is None else {name: safety.text(name) for name in safety.values},
    )


def _problem(fields: Fields | None) -> Problem | None:
    return None if fields is None else Problem(fields.text("code"), fields.text("message"))
