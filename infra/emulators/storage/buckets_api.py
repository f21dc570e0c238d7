"""The JSON API's buckets, their notification configurations and their (permissive) IAM policies."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .errors import invalid, not_found
from .events import TOPIC_HOST
from .models import patched, soft_delete_policy, timestamp
from .router import Call, json_response, no_content

if TYPE_CHECKING:
    from starlette.responses import Response

BUCKETS = "/storage/v1/b"
_FIXED = ("kind", "id", "name", "selfLink", "location", "storageClass", "timeCreated")


def create_bucket(call: Call) -> Response:
    """Create a bucket."""
    return json_response(call.store.create_bucket(call.body, call.origin).resource)


def list_buckets(call: Call) -> Response:
    """List all buckets with a prefix, on one page."""
    names = sorted(name for name in call.store.buckets if name.startswith(call.query.get("prefix", "")))
    items = [call.store.buckets[name].resource for name in names]
    return json_response({"kind": "storage#buckets", "items": items})


def get_bucket(call: Call) -> Response:
    """Return a bucket's resource."""
    _check(call, reading=True)
    return json_response(call.bucket.resource)


def patch_bucket(call: Call) -> Response:
    """Merge changes into a bucket's settings."""
    return _changed(call, patched(call.bucket.resource, call.body))


def update_bucket(call: Call) -> Response:
    """Write a bucket's settings: each one that is given replaces the old one whole."""
    return _changed(call, {**call.bucket.resource, **call.body})


def delete_bucket(call: Call) -> Response:
    """Delete an empty bucket."""
    _check(call)
    call.store.delete_bucket(call.bucket)
    return no_content()


def get_policy(call: Call) -> Response:
    """Return the IAM policy that was last set."""
    return json_response(call.bucket.policy)


def set_policy(call: Call) -> Response:
    """Keep an IAM policy; nothing enforces it."""
    call.bucket.policy.update(call.body)
    call.store.settings_changed(call.bucket)
    return json_response(call.bucket.policy)


def check_permissions(call: Call) -> Response:
    """Grant every permission that is asked about."""
    _ = call.bucket
    asked = [value for key, value in parse_qsl(call.request.url.query) if key == "permissions"]
    return json_response({"kind": "storage#testIamPermissionsResponse", "permissions": asked})


def service_account(call: Call) -> Response:
    """Return the project's service agent."""
    address = f"service-{call.args['project']}@gs-project-accounts.iam.gserviceaccount.com"
    return json_response({"kind": "storage#serviceAccount", "email_address": address})


def create_config(call: Call) -> Response:
    """Add a notification configuration."""
    topic = str(call.body.get("topic", ""))
    if not topic.startswith(f"{TOPIC_HOST}projects/"):
        raise invalid(f"Invalid Pub/Sub topic: expected {TOPIC_HOST}projects/P/topics/T, found {topic!r}.")
    config_id = str(uuid.uuid4().int)[:12]
    config = {
        "kind": "storage#notification",
        "payload_format": "JSON_API_V1",
        **call.body,
        "id": config_id,
        "etag": config_id,
        "selfLink": f"{call.origin}{BUCKETS}/{call.bucket.name}/notificationConfigs/{config_id}",
    }
    call.bucket.notifications[config_id] = config
    call.store.settings_changed(call.bucket)
    return json_response(config)


def list_configs(call: Call) -> Response:
    """List a bucket's notification configurations."""
    return json_response({"kind": "storage#notifications", "items": [*call.bucket.notifications.values()]})


def get_config(call: Call) -> Response:
    """Return a notification configuration."""
    config = call.bucket.notifications.get(call.args["config"])
    if config is None:
        raise not_found(f"Notification {call.args['config']} does not exist.")
    return json_response(config)


def delete_config(call: Call) -> Response:
    """Remove a notification configuration."""
    get_config(call)
    del call.bucket.notifications[call.args["config"]]
    call.store.settings_changed(call.bucket)
    return no_content()


def _changed(call: Call, resource: dict[str, Any]) -> Response:
    _check(call)
    bucket = call.bucket
    fixed = {key: bucket.resource[key] for key in _FIXED}
    if "softDeletePolicy" in call.body:
        fixed["softDeletePolicy"] = soft_delete_policy(resource)
    metageneration = str(int(bucket.resource["metageneration"]) + 1)
    bucket.resource = {**resource, **fixed, "metageneration": metageneration, "updated": timestamp()}
    call.store.settings_changed(bucket)
    return json_response(bucket.resource)


def _check(call: Call, *, reading: bool = False) -> None:
    call.conditions().check((0, int(call.bucket.resource["metageneration"])), reading=reading)
