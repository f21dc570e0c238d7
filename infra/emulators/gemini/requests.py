"""What a generateContent or countTokens body asks for, whatever way its keys and its base64 are written."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from .errors import invalid
from .lenient_json import read_json
from .message_fields import GENERATE, check_fields

IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
RESPONSE_TYPES = ("text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum")
LEVEL_NAMES = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")
RESOLUTION_NAMES = ("LOW", "MEDIUM", "HIGH", "ULTRA_HIGH")


@dataclass(frozen=True, slots=True)
class ImagePart:
    """One image: `data` if it came inline, else `file_id` or `address`; `resolution` if the part names its own."""

    mime_type: str
    data: bytes | None = None
    file_id: str | None = None
    address: str | None = None
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A request after reading: names upper-case and without prefix, `schema` as it was sent."""

    prompt: str = ""
    system: str = ""
    images: tuple[ImagePart, ...] = ()
    response_type: str = "text/plain"
    schema: dict[str, Any] | None = None
    thinking_level: str | None = None
    thinking_budget: int | None = None
    include_thoughts: bool = False
    resolution: str | None = None
    max_output_tokens: int | None = None

    @property
    def wants_json(self) -> bool:
        """Whether the answer must be a JSON document and nothing else."""
        return self.response_type == "application/json"


def field(mapping: Any, name: str, default: Any = None) -> Any:
    """Return a member by its snake_case name, also when it is written in camelCase."""
    if not isinstance(mapping, dict):
        return default
    head, *rest = name.split("_")
    camel = head + "".join(word.capitalize() for word in rest)
    value = mapping.get(name, mapping.get(camel))
    return default if value is None else value


def read_body(data: bytes) -> dict[str, Any]:
    """Return the JSON object of a request body.

    Raises:
        ApiError: 400, it is not one.
    """
    try:
        document = read_json(data)
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    if not isinstance(document, dict):
        raise invalid(f"Invalid JSON payload received. Expected an object, found {type(document).__name__}.")
    return document


def read_generate(body: dict[str, Any], *, vertex: bool = False) -> GenerateRequest:
    """Return what the body asks for; Vertex reads images from gs:// addresses, the Developer API from files.

    Raises:
        ApiError: 400, a member is missing, unknown, or has a value the API does not know.
    """
    check_fields(body, GENERATE)
    texts, images = _parts(body, vertex=vertex)
    config = field(body, "generation_config", {})
    thinking = field(config, "thinking_config", {})
    budget, maximum = field(thinking, "thinking_budget"), field(config, "max_output_tokens")
    return GenerateRequest(
        prompt="\n".join(texts),
        system="\n".join(_texts(field(body, "system_instruction", {}))),
        images=images,
        response_type=_response_type(config),
        schema=_schema(config),
        thinking_level=_name(thinking, "thinking_level", prefix="THINKING_LEVEL_", known=LEVEL_NAMES),
        thinking_budget=None if budget is None else _integer(budget, "thinking_budget"),
        include_thoughts=bool(field(thinking, "include_thoughts", default=False)),
        resolution=_resolution(config, "media_resolution"),
        max_output_tokens=None if maximum is None else _integer(maximum, "max_output_tokens"),
    )


def _parts(body: dict[str, Any], *, vertex: bool) -> tuple[list[str], tuple[ImagePart, ...]]:
    contents = field(body, "contents", [])
    contents = contents if isinstance(contents, list) else [contents]
    if not contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified\n")
    texts, images = [], []
    for number, content in enumerate(contents):
        texts += _texts(content)
        images += [image for part in _listed(content) if (image := _image(part, number, vertex=vertex))]
    if not texts and not images:
        raise invalid("* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.\n")
    return texts, tuple(images)


def _listed(content: Any) -> list[Any]:
    parts = field(content, "parts", [])
    return parts if isinstance(parts, list) else [parts]


def _texts(content: Any) -> list[str]:
    return [str(text) for part in _listed(content) if (text := field(part, "text"))]


def _image(part: Any, number: int, *, vertex: bool) -> ImagePart | None:
    inline, file = field(part, "inline_data"), field(part, "file_data")
    if inline is None and file is None:
        return None
    mime_type = str(field(inline or file, "mime_type", "")).lower()
    if (inline is not None or vertex) and mime_type not in IMAGE_TYPES:
        raise invalid(f"Unsupported MIME type: {mime_type}")
    resolution = _resolution(field(part, "media_resolution"), "level")
    if inline is not None:
        return ImagePart(mime_type, data=_decoded(field(inline, "data", ""), number), resolution=resolution)
    uri = str(field(file, "file_uri", ""))
    if vertex:
        return ImagePart(mime_type, address=_address(uri), resolution=resolution)
    return ImagePart(mime_type, file_id=_file_id(uri), resolution=resolution)


def _decoded(text: Any, number: int) -> bytes:
    where = f"contents[{number}].parts[].inline_data.data"
    if not text or not isinstance(text, str):
        raise invalid(f"* GenerateContentRequest.{where}: required oneof field 'data' must have base64 data\n")
    # Both alphabets in one, as the SDK sends the URL-safe one and the guides' curl the standard one.
    standard = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(f"Invalid value at '{where}' (TYPE_BYTES), Base64 decoding failed: {error}") from error


def _file_id(uri: str) -> str:
    # Jq without -r leaves quotes around the URI, and one of the guides pastes it so.
    address, marker, file_id = uri.strip('"').rpartition("files/")
    if not marker or (address and not address.startswith(("https://", "http://"))):
        raise invalid(
            f"Unsupported file uri: {uri}. This emulator takes the uri of its Files API only, and fetches "
            "nothing from elsewhere: upload the image, or send it inline."
        )
    return file_id


def _address(uri: str) -> str:
    if not uri.startswith("gs://"):
        raise invalid(
            f"Unsupported file uri: {uri}. On the Vertex paths this emulator takes gs:// addresses only, and "
            "fetches nothing from elsewhere."
        )
    return uri


def _response_type(config: Any) -> str:
    found = str(field(config, "response_mime_type", RESPONSE_TYPES[0]))
    if found not in RESPONSE_TYPES:
        raise invalid(
            "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are "
            "`text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`.\n"
        )
    return found


def _schema(config: Any) -> dict[str, Any] | None:
    both = field(config, "response_schema"), field(config, "response_json_schema")
    if all(both):
        raise invalid("Only one of response_schema and response_json_schema can be set.")
    schema = both[0] or both[1]
    if schema is not None and not isinstance(schema, dict):
        raise invalid(f"Invalid value at 'generation_config.response_schema': expected an object, found {schema!r}")
    return schema


def _resolution(mapping: Any, name: str) -> str | None:
    return _name(mapping, name, prefix="MEDIA_RESOLUTION_", known=RESOLUTION_NAMES)


def _name(mapping: Any, name: str, *, prefix: str, known: tuple[str, ...]) -> str | None:
    written = field(mapping, name)
    short = str(written).upper().removeprefix(prefix)
    if written is None or short == "UNSPECIFIED":
        return None
    if short not in known:
        raise invalid(f"Invalid value at 'generation_config.{name}', \"{written}\": expected one of {', '.join(known)}")
    return short


def _integer(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise invalid(f"Invalid value at '{name}' (TYPE_INT32), {value!r}") from error
