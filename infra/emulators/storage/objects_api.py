"""The JSON API's objects, all but their uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .downloads import media_response
from .errors import invalid
from .listing import candidates, list_page, parse_query
from .models import writable
from .payload import joined
from .preconditions import check_etag, from_query, integer
from .router import Call, json_response, no_content
from .store import Draft

if TYPE_CHECKING:
    from starlette.responses import Response

    from .models import Version

MAX_SOURCES = 32


def list_objects(call: Call) -> Response:
    """List a page of a bucket's objects."""
    return json_response(list_page(candidates(call.bucket, call.query), parse_query(call.query)))


def get_object(call: Call) -> Response:
    """Return an object's metadata."""
    return json_response(_readable(call).resource())


def download(call: Call) -> Response:
    """Return an object's bytes."""
    return media_response(_readable(call), call.request.headers)


def patch_object(call: Call) -> Response:
    """Merge changes into an object's metadata."""
    return json_response(_changed(call, replacing=False).resource())


def update_object(call: Call) -> Response:
    """Write an object's metadata anew."""
    return json_response(_changed(call, replacing=True).resource())


def delete_object(call: Call) -> Response:
    """Delete an object; of an explicit generation nothing is kept, even where versioning is on."""
    version = call.target()
    call.conditions().check(version.stamp)
    call.store.delete(call.bucket, version, for_good="generation" in call.query)
    return no_content()


def copy_object(call: Call) -> Response:
    """Copy an object and return the copy."""
    return json_response(_copied(call).resource())


def rewrite_object(call: Call) -> Response:
    """Copy an object; the emulator never needs a second call to finish."""
    copy = _copied(call).resource()
    sizes = {"totalBytesRewritten": copy["size"], "objectSize": copy["size"]}
    return json_response({"kind": "storage#rewriteResponse", **sizes, "done": True, "resource": copy})


def move_object(call: Call) -> Response:
    """Rename an object within its bucket."""
    source = call.store.find(call.bucket, call.args["object"])
    call.conditions("ifSource").check(source.stamp)
    if call.args["target"] == source.name:
        raise invalid("The source and destination of a move must differ.")
    moved = call.store.commit(call.bucket, _copy_draft(call, source), call.conditions())
    call.store.delete(call.bucket, source)
    return json_response(moved.resource())


def compose_object(call: Call) -> Response:
    """Concatenate objects of one bucket."""
    sources = [_source(call, entry) for entry in call.body.get("sourceObjects", ())]
    if not 0 < len(sources) <= MAX_SOURCES:
        raise invalid(f"Compose takes 1 to {MAX_SOURCES} source objects, found {len(sources)}.")
    draft = Draft(
        name=call.args["object"],
        payload=joined((source.payload for source in sources), call.spool()),
        # Hashes a client left in the destination describe what was there before: `writable` drops them.
        fields=call.body.get("destination", {}),
        origin=call.origin,
        components=sum(source.system.get("componentCount", 1) for source in sources),
    )
    composed = call.store.commit(call.bucket, draft, call.conditions())
    if call.body.get("deleteSourceObjects"):
        for source in {source.name: source for source in sources}.values():
            if call.bucket.live.get(source.name) is source:
                call.store.delete(call.bucket, source, for_good=True)
    return json_response(composed.resource())


def restore_object(call: Call) -> Response:
    """Bring a soft-deleted object back."""
    deleted = call.target(soft_deleted=True)
    return json_response(call.store.restore(call.bucket, deleted, call.conditions(), call.origin).resource())


def _readable(call: Call) -> Version:
    version = call.target(soft_deleted=call.query.get("softDeleted") == "true")
    call.conditions().check(version.stamp, reading=True)
    check_etag(call.request.headers, version.etag)
    return version


def _changed(call: Call, *, replacing: bool) -> Version:
    version = call.target()
    call.conditions().check(version.stamp)
    return call.store.update(call.bucket, version, call.body, replacing=replacing)


def _copied(call: Call) -> Version:
    source = call.target(key="sourceGeneration")
    call.conditions("ifSource").check(source.stamp)
    target = call.store.bucket(call.args["target_bucket"])
    return call.store.commit(target, _copy_draft(call, source), call.conditions())


def _copy_draft(call: Call, source: Version) -> Draft:
    return Draft(
        name=call.args["target"],
        payload=source.payload,
        fields={**source.fields, **writable(call.body)},
        origin=call.origin,
        components=source.system.get("componentCount"),
    )


def _source(call: Call, entry: dict[str, Any]) -> Version:
    version = call.store.find(call.bucket, str(entry["name"]), generation=integer(entry, "generation"))
    from_query(entry.get("objectPreconditions", {})).check(version.stamp)
    return version
