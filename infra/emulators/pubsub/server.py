"""The gRPC surface: method paths to the services' methods, and the life of the process.

google-cloud-pubsub ships the message classes but no service descriptors, so methods are routed by their names.
"""

from __future__ import annotations

import asyncio
import re
import signal
from typing import TYPE_CHECKING, Any

import grpc
from google.iam.v1 import iam_policy_pb2

from ..common.lines import write_line
from ..common.serve import LOOPBACK, announce
from .broker import Broker
from .control import ANNOUNCED, Control
from .delivery import Delivery
from .faulting import Faults, subject_of, suffer
from .iam import Iam
from .messages import proto
from .publisher import Publisher
from .refusals import Refusal
from .subscriber import Subscriber

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from .messages import Proto

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

OPTIONS = (
    # A publish request may have 10 MB; the limit is checked with a readable answer, not by the transport.
    ("grpc.max_receive_message_length", 32 << 20),
    ("grpc.max_send_message_length", 32 << 20),
    # Without this, a second emulator on the same port would silently share its connections.
    ("grpc.so_reuseport", 0),
)
STOP_GRACE_S = 0.3


async def serve(port: int, *, push_slots: int, control_port: int) -> None:
    """Serve until SIGTERM or SIGINT, then cancel what is in flight.

    Raises:
        OSError: a port is taken; the message names it.
    """
    broker = Broker(Faults(RPCS), push_slots=push_slots)
    control = Control(broker, port=control_port)
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers(_handlers(broker))
    try:
        bound = server.add_insecure_port(f"{LOOPBACK}:{port}")
    except RuntimeError as error:
        raise OSError(f"port {port} on {LOOPBACK} is taken: name another, or 0 for any") from error
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    async with control.serving(grpc=f"{LOOPBACK}:{bound}"):
        announce(f"http://{LOOPBACK}:{bound}")
        write_line(f"{ANNOUNCED} {control.url}")
        await stop.wait()
        await server.stop(STOP_GRACE_S)
        await broker.close()


def _handlers(broker: Broker) -> tuple[Any, ...]:
    services = dict(zip(METHODS, (Publisher(broker), Subscriber(broker), broker.schemas, Iam(broker)), strict=True))
    tables = {
        service: {
            method: _unary(getattr(services[service], _snake(method)), method, broker.faults) for method in methods
        }
        for service, methods in METHODS.items()
    }
    delivery = Delivery(broker)
    tables["google.pubsub.v1.Subscriber"] |= {
        "Pull": _pull(delivery, broker.faults),
        "StreamingPull": _streaming_pull(delivery),
    }
    return tuple(grpc.method_handlers_generic_handler(name, table) for name, table in tables.items())


def _unary(act: Callable[[Proto], Any], method: str, faults: Faults) -> Any:
    name = REQUEST_TYPES.get(method, f"{method}Request")
    request_type = getattr(iam_policy_pb2, name, None) or proto(name)

    async def call(request: Proto, context: Any) -> Proto:
        fault = faults.take(method, subject_of(request))
        return await _or_refuse(suffer(fault, lambda: act(request)), context)

    return grpc.unary_unary_rpc_method_handler(call, request_type.FromString, _encode)


def _pull(delivery: Delivery, faults: Faults) -> Any:
    async def call(request: Proto, context: Any) -> Proto:
        fault = faults.take("Pull", subject_of(request))
        return await _or_refuse(suffer(fault, lambda: delivery.pull(request, context)), context)

    return grpc.unary_unary_rpc_method_handler(call, proto("PullRequest").FromString, _encode)


def _streaming_pull(delivery: Delivery) -> Any:
    async def call(requests: AsyncIterator[Proto], context: Any) -> None:
        await _or_refuse(delivery.streaming_pull(requests, context), context)

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
