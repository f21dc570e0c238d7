"""A deployment in memory whose accounts may do what `infra/*.tf` lets them, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from shared.core.errors import AlreadyExistsError
from tests.policy.conditions import Asked, holds
from tests.policy.evaluated import BACKFILL_IMAGE, VIEWER
from tests.policy.parsed import parse
from tests.policy.rights import grants
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from shared.core.ports import ObjectStore, Publisher
    from shared.pipeline.job import WorkerPorts
    from tests.policy.rights import Grant
    from tests.rig import Rig

INFRA: Final = parse(FILES)
GRANTS: Final = tuple(grants(INFRA, forget=True, backfill_image=BACKFILL_IMAGE, reuse_answers=True, **VIEWER))
PERMISSIONS: Final = {  # https://cloud.google.com/storage/docs/access-control/iam-roles
    "roles/storage.objectViewer": {"get", "list"},
    "roles/storage.objectCreator": {"create"},
    "roles/storage.objectUser": {"get", "list", "create", "delete"},
    "roles/storage.legacyBucketReader": {"list"},
    "roles/pubsub.publisher": {"publish"},
}
NEEDS: Final = {
    "create": {"create"},
    "replace": {"create", "delete"},
    "delete": {"delete"},
    "stat": {"get", "list"},  # without list, what is not there answers 403 instead of 404
    "read": {"get", "list"},
    "read_head": {"get", "list"},
    "list_names": {"list"},
    "list_objects": {"list"},
    "list_folders": {"list"},
    "publish": {"publish"},
}
_OF_BUCKETS: Final = frozenset({"list"})
"""Permissions that are asked of the bucket: a condition on an object's name never holds there."""


class Guarded:
    """A port whose operations are let through only on what the account has rights on."""

    def __init__(self, port: object, grants: Collection[Grant]) -> None:
        self._port = port
        self._grants = grants

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def guarded(resource: str, *arguments: Any, **options: Any) -> Any:
            name = arguments[0] if arguments and isinstance(arguments[0], str) else None
            self._require(NEEDS[operation], operation, resource, name)
            try:
                return getattr(self._port, operation)(resource, *arguments, **options)
            except AlreadyExistsError:
                # Who may not overwrite is perhaps answered 403 instead of 412, and has to look for itself.
                if not self._has("delete", resource, name):
                    self._require(NEEDS["stat"], f"{operation} over what is there", resource, name)
                raise

        return guarded

    def _require(self, permissions: Collection[str], what: str, resource: str, name: str | None) -> None:
        missing = [each for each in permissions if not self._has(each, resource, name)]
        if missing:
            raise PermissionError(f"{what} on {resource}, {name}: {missing}")

    def _has(self, permission: str, resource: str, name: str | None) -> bool:
        short = resource.rpartition("/")[2]
        return any(
            permission in PERMISSIONS.get(grant.role, ())
            and holds(grant.condition, Asked(grant.on, None if permission in _OF_BUCKETS else name))
            for grant in self._grants
            if grant.on.endswith(f"-{short}")
        )


def ports_with(rig: Rig, grants: Collection[Grant]) -> WorkerPorts:
    """Return the rig's ports, guarded."""
    store, publisher = Guarded(rig.store, grants), Guarded(rig.publisher, grants)
    return replace(rig.ports, store=cast("ObjectStore", store), publisher=cast("Publisher", publisher))


def grants_of(function: str) -> frozenset[Grant]:
    """Return what a function's account may do with data."""
    account = function.replace("_", "-")
    return frozenset(each for each in GRANTS if each.who == account and each.role in PERMISSIONS)
