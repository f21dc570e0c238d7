"""The IAM methods: policies are stored and returned, and never enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.iam.v1 import iam_policy_pb2, policy_pb2

from .errors import not_found

if TYPE_CHECKING:
    from .broker import Broker
    from .models import Proto


class IamApi:
    """Policies of topics, subscriptions and snapshots; every permission is granted."""

    def __init__(self, broker: Broker) -> None:
        self._kinds = (broker.topics, broker.subscriptions, broker.snapshots)
        self._policies: dict[str, Proto] = {}

    def get_iam_policy(self, request: Proto) -> Proto:
        """Return the policy of a resource, empty at first."""
        self._check_exists(request.resource)
        return self._policies.get(request.resource, policy_pb2.Policy(version=1, etag=b"\0"))

    def set_iam_policy(self, request: Proto) -> Proto:
        """Store the policy of a resource."""
        self._check_exists(request.resource)
        self._policies[request.resource] = request.policy
        return request.policy

    def test_iam_permissions(self, request: Proto) -> Proto:
        """Say that the caller has every permission asked for."""
        self._check_exists(request.resource)
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=request.permissions)

    def _check_exists(self, resource: str) -> None:
        if not any(resource in kind for kind in self._kinds):
            raise not_found(resource)
