"""The SchemaService: Avro schemas and JSON-encoded messages, one revision each."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .avro import Check, SchemaError, compile_schema
from .errors import Refusal, check_new, invalid, need
from .limits import check_name
from .models import proto
from .paging import page, within

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .models import Proto

DELETED_SCHEMA = "_deleted-schema_"
AVRO = 2
JSON = 1


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema resource and what it means."""

    config: Proto
    check: Check


class SchemasApi:
    """Schemas and the topics bound to them; one method per RPC, named as in the API."""

    def __init__(self, topics: dict[str, Proto]) -> None:
        self._topics = topics
        self._schemas: dict[str, Schema] = {}

    def create_schema(self, request: Proto) -> Proto:
        """Create a schema."""
        name = f"{request.parent}/schemas/{request.schema_id}"
        check_name("schemas", name)
        check_new(self._schemas, name)
        check = _compiled(request.schema)
        config = proto("Schema")(name=name, type_=AVRO, definition=request.schema.definition)
        config.revision_id = uuid.uuid4().hex[:8]
        config.revision_create_time.GetCurrentTime()
        self._schemas[name] = Schema(config, check)
        return config

    def get_schema(self, request: Proto) -> Proto:
        """Return a schema."""
        return need(self._schemas, request.name).config

    def list_schemas(self, request: Proto) -> Proto:
        """List the schemas of a project."""
        configs = {name: each.config for name, each in self._schemas.items()}
        found, following = page(within(request.parent, configs), request)
        return proto("ListSchemasResponse")(schemas=found, next_page_token=following)

    def delete_schema(self, request: Proto) -> None:
        """Delete a schema; its topics refuse every message from then on."""
        need(self._schemas, request.name)
        for topic in self._topics.values():
            if topic.schema_settings.schema == request.name:
                topic.schema_settings.schema = DELETED_SCHEMA
        del self._schemas[request.name]

    def validate_schema(self, request: Proto) -> Proto:
        """Refuse a definition that is no schema."""
        _compiled(request.schema)
        return proto("ValidateSchemaResponse")()

    def validate_message(self, request: Proto) -> Proto:
        """Refuse a message that does not follow the schema, stored or given."""
        check = need(self._schemas, request.name).check if request.name else _compiled(request.schema)
        _check_encoding(request.encoding)
        _check_message(check, request.message)
        return proto("ValidateMessageResponse")()

    def check_topic(self, topic: Proto) -> None:
        """Refuse a topic whose schema is not there, or not emulated."""
        if topic.HasField("schema_settings"):
            need(self._schemas, topic.schema_settings.schema)
            _check_encoding(topic.schema_settings.encoding)

    def stamp(self, topic: Proto, messages: Iterable[Proto]) -> None:
        """Refuse messages that do not follow the topic's schema, and mark the others as the service does."""
        if not topic.HasField("schema_settings"):
            return
        schema = need(self._schemas, topic.schema_settings.schema)
        for message in messages:
            _check_message(schema.check, message.data)
            message.attributes["googclient_schemaencoding"] = "JSON"
            message.attributes["googclient_schemaname"] = schema.config.name
            message.attributes["googclient_schemarevisionid"] = schema.config.revision_id


def _compiled(schema: Proto) -> Check:
    if schema.type_ != AVRO:
        raise Refusal("UNIMPLEMENTED", "Only Avro schemas are emulated: leave others out of the local configuration.")
    try:
        return compile_schema(schema.definition)
    except SchemaError as error:
        raise invalid(f"Could not parse schema definition: {error}.") from error


def _check_encoding(encoding: int) -> None:
    if encoding != JSON:
        raise Refusal("UNIMPLEMENTED", "Only the JSON encoding of schemas is emulated.")


def _check_message(check: Check, data: bytes) -> None:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise invalid(f"Could not parse message: the topic's schema wants JSON, found {data[:80]!r}.") from error
    if not check(value):
        raise invalid(f"Could not parse message: it does not follow the topic's schema: {data[:200]!r}.")
