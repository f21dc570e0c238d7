"""Manifests: a small JSON file that asks one question about several images (`uplook.manifest/1`).

An upload whose name ends in `.uplook.json` is one. Whoever uploads it is not trusted: it can name images and ask, and
nothing else; the images must lie in an upload bucket, or at an origin that the operator lists.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core import json_fields
from shared.core.errors import ErrorCode, PermanentError
from shared.core.naming import is_bucket_name, is_object_name
from shared.core.values import MAX_LANGUAGE, MAX_QUESTION
from shared.core.weburls import Target, shown_url, target

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SUFFIX = ".uplook.json"
SCHEMA = "uplook.manifest/1"
MAX_BYTES = 1_000_000
_FIELDS = ("schema", "question", "images", "language")
_MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image in a bucket; which generation is settled when it is read."""

    bucket: str
    name: str


@dataclass(frozen=True, slots=True)
class WebImage:
    """An image at a web address that may be fetched."""

    url: str


ImageReference = StoredImage | WebImage


@dataclass(frozen=True, slots=True)
class Manifest:
    """One question about the images, in their order."""

    question: str
    images: tuple[ImageReference, ...]
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Permitted:
    """What a manifest in `folder` of `bucket` may name, and how much of it."""

    bucket: str
    folder: str
    buckets: Collection[str]
    origins: Collection[str]
    max_images: int


def is_manifest(name: str) -> bool:
    """Whether an object of this name is taken for a manifest."""
    return name.endswith(SUFFIX)


def folder_of(name: str) -> str:
    """Return the folder that relative names count from: `` or one that ends in a slash."""
    return name[: name.rfind("/") + 1]


def parse_manifest(data: bytes, permitted: Permitted) -> Manifest:
    """Read a manifest.

    Raises:
        PermanentError: `bad_manifest`, naming everything that is wrong with it.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _refusal([f"it is not JSON ({error})"]) from error
    if not isinstance(document, dict):
        raise _refusal([f"expected an object, found {json_fields.shown(document)}"])
    problems = [f"{key[:100]!r} is not a field of a manifest" for key in document if key not in _FIELDS]
    if document.get("schema") != SCHEMA:
        problems.append(f"schema: expected {SCHEMA!r}, found {json_fields.shown(document.get('schema'))}")
    question = _text(document, "question", MAX_QUESTION, problems)
    language = _text(document, "language", MAX_LANGUAGE, problems) if "language" in document else None
    images = _images(document.get("images"), permitted, problems)
    if problems:
        raise _refusal(problems)
    return Manifest(question, images, language)


def _text(document: dict[str, Any], key: str, longest: int, problems: list[str]) -> str:
    value = document.get(key)
    if json_fields.is_text(value) and 0 < len(value.strip()) <= longest:
        return value.strip()
    found = f"one of {len(value):,}" if isinstance(value, str) and len(value) > longest else json_fields.shown(value)
    problems.append(f"{key}: expected a text of 1 to {longest:,} characters, found {found}")
    return ""


def _images(value: Any, permitted: Permitted, problems: list[str]) -> tuple[ImageReference, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= permitted.max_images:
        found = f"{len(value):,}" if isinstance(value, list) else json_fields.shown(value)
        problems.append(
            f"images: expected a list of 1 to {permitted.max_images:,} images (MAX_IMAGES_PER_QUESTION), found {found}"
        )
        return ()
    images: list[ImageReference] = []
    for index, text in enumerate(value):
        image = _image(text, permitted)
        if isinstance(image, str):
            named = json_fields.shown(shown_url(text) if isinstance(text, str) else text)
            problems.append(f"images[{index}] {named}: {image}")
        else:
            images.append(image)
    return tuple(images)


def _image(text: Any, permitted: Permitted) -> ImageReference | str:
    """Return the image that an entry names, or what is wrong with it."""
    if not json_fields.is_text(text) or not text:
        return "expected gs://BUCKET/NAME, https://… or the name of an object beside the manifest"
    scheme, colon, rest = text.partition("://")
    if not colon:
        return _stored(permitted.bucket, permitted.folder + text, permitted)
    if scheme == "gs":
        bucket, _, name = rest.partition("/")
        return _stored(bucket, name, permitted)
    found = target(text, origins=permitted.origins)
    return WebImage(text) if isinstance(found, Target) else found


def _stored(bucket: str, name: str, permitted: Permitted) -> StoredImage | str:
    if any(character in name for character in "\r\n\0"):
        return "its name holds a line break"
    if not is_bucket_name(bucket) or not is_object_name(name) or name.endswith("/"):
        return "it names no object of a bucket"
    if bucket not in permitted.buckets:
        return f"{bucket} is not an upload bucket (UPLOAD_BUCKETS)"
    if is_manifest(name):
        return "it is a manifest itself"
    return StoredImage(bucket, name)


def _refusal(problems: Sequence[str]) -> PermanentError:
    named = list(problems[:_MAX_PROBLEMS])
    if len(problems) > len(named):
        named.append(f"and {len(problems) - len(named)} more")
    return PermanentError(ErrorCode.BAD_MANIFEST, "The manifest cannot be used: " + "; ".join(named) + ".")
