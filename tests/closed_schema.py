"""The shipped JSON Schemas, closed: what our own writer writes has no field and no value that they do not list.

Readers get schemas that are open, because version 1 may grow (docs/consumers.md). A writer has no such freedom: a field
or a value that it writes is in the schema, in the consumers' client, in the exports and in docs/fields.md first. So
tests hold everything that is written to a closed copy, which is made from the shipped schema by two rules
(docs/decisions/0015-open-and-closed-schemas.md):

- An object with `properties` has these and no others. One without is a map: its keys are data.
- A list of known values (`anyOf` of a type with `enum`, and of the type alone) has these and no others.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from shared.core.errors import ErrorCode
from shared.core.events.envelopes import IMAGE_SCHEMA, JOINT_SCHEMA
from shared.core.results import documents, schemas
from shared.core.results.schemas import load_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMAS = {
    documents.RESULT_SCHEMA: schemas.RESULT,
    documents.EVENT_SCHEMA: schemas.RESULT_EVENT,
    IMAGE_SCHEMA: schemas.IMAGE_EVENT,
    JOINT_SCHEMA: schemas.IMAGE_EVENT,
}
"""The file of each `schema` text."""

_HELP = (
    "What is written ships in one change: add it to {file} in shared/core, read it in shared/consumer, give it a column"
    " in shared/export/rows.py where tables want it, and run `python -m tests.fields_page` for docs/fields.md."
)


class UndocumentedError(AssertionError):
    """Our own writer wrote what its schema does not list."""


def known_values(schema: Mapping[str, Any]) -> list[Any] | None:
    """Return the values that an open list names, or None where a schema is no such list."""
    match schema.get("anyOf"):
        case [{"enum": values, "type": listed}, {"type": every, **more}] if listed == every and not more:
            return list(values)
        case _:
            return None


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy that takes the fields and values it lists, and no others."""
    values = known_values(schema)
    if values is not None:
        return {**{key: each for key, each in schema.items() if key != "anyOf"}, "enum": values}
    copy = dict(schema)
    if "properties" in schema:
        copy["properties"] = {name: closed(each) for name, each in schema["properties"].items()}
        copy["additionalProperties"] = False
    if "items" in schema:
        copy["items"] = closed(schema["items"])
    if "anyOf" in schema:
        copy["anyOf"] = [closed(each) for each in schema["anyOf"]]
    return copy


def undocumented(value: Any) -> str | None:
    """Return what a written document or message holds beyond its closed schema, for people, or None.

    `value` says by its `schema` which of ours it is.
    """
    file = SCHEMAS.get(str(value.get("schema")) if isinstance(value, dict) else "")
    if file is None:
        return f"Expected a document of one of {', '.join(SCHEMAS)}, found {str(value)[:200]}."
    found = [f"{error.json_path}: {error.message[:500]}" for error in _errors(file, value)]
    return "\n".join([*found, _HELP.format(file=file)]) if found else None


def documented(written: bytes, *, where: str) -> dict[str, Any]:
    """Return what our own writer wrote at `where`, held to its closed schema.

    Raises:
        UndocumentedError: it holds more than that; the message says what, and what to do.
    """
    problem = problem_of(written)
    if problem is not None:
        raise UndocumentedError(f"{where}: {problem}")
    value: dict[str, Any] = json.loads(written)
    return value


@lru_cache(maxsize=1024)  # deliveries repeat themselves, in an exploration by the thousand
def problem_of(written: bytes) -> str | None:
    """Return what keeps the bytes of a document or a message from being documented, for people, or None."""
    try:
        return undocumented(json.loads(written))
    except ValueError as error:
        return f"Expected a JSON document, found {written[:200]!r}: {error}."


def _errors(file: str, value: dict[str, Any]) -> Iterator[Any]:
    """Yield what is wrong; of alternatives (an object or null), what is wrong with the one that was meant."""
    for error in _validator(file).iter_errors(value):
        if error.json_path == "$.task" and _is_dead_letter(value):
            continue  # an event of another version names its task, and the dead letter tells of it
        deeper = [each for each in error.context or () if each.relative_path or each.validator != "type"]
        yield from deeper or [error]


def _is_dead_letter(value: dict[str, Any]) -> bool:
    told = value.get("error")
    return (told.get("code") if isinstance(told, dict) else told) == ErrorCode.DEAD_LETTER


@cache
def _validator(file: str) -> Draft202012Validator:
    return Draft202012Validator(closed(load_schema(file)))
