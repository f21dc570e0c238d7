"""Which RPC goes where: method paths to the services' methods.

google-cloud-pubsub ships the message classes but no service descriptors, so methods are routed by their names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import grpc
from google.iam.v1 import iam_policy_pb2

from .errors import Refusal
from .faults import subject_of, with_fault
from .iam_api import IamApi
from .models import proto
from .publisher_api import PublisherApi
from .subscriber_api import SubscriberApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from .broker import Broker
    from .faults import FaultPlan
    from .models import Proto

METHODS = {
    "google.pubsub.v1.Publisher": (
        *("CreateTopic", "GetTopic", "UpdateTopic", "DeleteTopic", "ListTopics", "ListTopicSubscriptions"),
        *("ListTopicSnapshots", "DetachSubscription", "Publish"),
    ),
    "google.pubsub.v1.Subscriber": (
        *("CreateSubscription", "GetSubscription", "UpdateSubscription", "ListSubscriptions", "DeleteSubscription"),
        *("ModifyPushConfig", "Acknowledge", "ModifyAckDeadline", "Seek", "CreateSnapshot", "GetSnapshot"),
        *("UpdateSnapshot", "ListSnapshots", "DeleteSnapshot"),
    ),
    "google.pubsub.v1.SchemaService": (
        *("CreateSchema", "GetSchema", "ListSchemas", "DeleteSchema", "ValidateSchema", "ValidateMessage"),
    ),
    "google.iam.v1.IAMPolicy": ("GetIamPolicy", "SetIamPolicy", "TestIamPermissions"),
}
RPCS = (*(method for methods in METHODS.values() for method in methods), "Pull", "StreamingPull")
REQUEST_TYPES = {"CreateTopic": "Topic", "CreateSubscription": "Subscription"}
"""Where the request is not called `<method>Request`."""


def rpc_handlers(broker: Broker) -> tuple[Any, ...]:
    """Return what a gRPC server needs to serve every method in `METHODS`, Pull and StreamingPull."""
    subscriber = SubscriberApi(broker)
    services = dict(zip(METHODS, (PublisherApi(broker), subscriber, broker.schemas, IamApi(broker)), strict=True))
    tables = {
        service: {
            method: _unary(getattr(services[service], _snake(method)), method, broker.faults) for method in methods
        }
        for service, methods in METHODS.items()
    }
    tables["google.pubsub.v1.Subscriber"] |= {
        "Pull": _pull(subscriber, broker.faults),
        "StreamingPull": _streaming_pull(subscriber),
    }
    return tuple(grpc.method_handlers_generic_handler(name, table) for name, table in tables.items())


def _unary(act: Callable[[Proto], Any], method: str, faults: FaultPlan) -> Any:
    name = REQUEST_TYPES.get(method, f"{method}Request")
    request_type = getattr(iam_policy_pb2, name, None) or proto(name)

    async def call(request: Proto, context: Any) -> Proto:
        fault = faults.take(method, subject_of(request))
        return await _or_refuse(with_fault(fault, lambda: act(request)), context)

    return grpc.unary_unary_rpc_method_handler(call, request_type.FromString, _encode)


def _pull(subscriber: SubscriberApi, faults: FaultPlan) -> Any:
    async def call(request: Proto, context: Any) -> Proto:
        fault = faults.take("Pull", subject_of(request))
        return await _or_refuse(with_fault(fault, lambda: subscriber.pull(request, context)), context)

    return grpc.unary_unary_rpc_method_handler(call, proto("PullRequest").FromString, _encode)


def _streaming_pull(subscriber: SubscriberApi) -> Any:
    async def call(requests: AsyncIterator[Proto], context: Any) -> None:
        await _or_refuse(subscriber.streaming_pull(requests, context), context)

    return grpc.stream_stream_rpc_method_handler(call, proto("StreamingPullRequest").FromString, _encode)


async def _or_refuse(answer: Awaitable[Proto], context: Any) -> Proto:
    try:
        return await answer
    except Refusal as refusal:
        await context.abort(refusal.code, refusal.text, refusal.trailers)


def _encode(reply: Proto | None) -> bytes:
    # google.protobuf.Empty has no fields: its encoding is no bytes at all.
    return b"" if reply is None else reply.SerializeToString()


def _snake(method: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower()
