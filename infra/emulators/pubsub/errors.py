"""The one exception of the emulator: a request that the service refuses, with its gRPC status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

INVALID_ACK_ID = "PERMANENT_FAILURE_INVALID_ACK_ID"
"""The reason that client libraries look for when exactly-once delivery is on."""


class Refusal(Exception):  # noqa: N818 - an expected answer, not an error of the emulator
    """A request the service refuses; `code` is a name of `grpc.StatusCode`."""

    def __init__(self, code: str, text: str, *, trailers: tuple[tuple[str, bytes], ...] = ()) -> None:
        super().__init__(text)
        self.code = getattr(grpc.StatusCode, code)
        self.text = text
        self.trailers = trailers


def invalid(text: str) -> Refusal:
    """Return the refusal of a malformed request."""
    return Refusal("INVALID_ARGUMENT", text)


def not_found(name: str) -> Refusal:
    """Return the refusal of a request for something that is not there."""
    return Refusal("NOT_FOUND", f"Resource not found (resource={name.rsplit('/', 1)[-1]}).")


def already_exists(name: str) -> Refusal:
    """Return the refusal of a second create."""
    return Refusal("ALREADY_EXISTS", f"Resource already exists in the project (resource={name.rsplit('/', 1)[-1]}).")


def precondition(text: str) -> Refusal:
    """Return the refusal of a request that does not fit the state of its resource."""
    return Refusal("FAILED_PRECONDITION", text)


def expired_ack_ids(ack_ids: Iterable[str]) -> Refusal:
    """Return the refusal that names every ack id that counts no more (exactly-once delivery only)."""
    status = status_pb2.Status(
        code=grpc.StatusCode.FAILED_PRECONDITION.value[0],
        message="Some acknowledgement ids in the request were invalid. This could be because the"
        " acknowledgement ids have expired or the acknowledgement ids were malformed.",
    )
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(
            reason=INVALID_ACK_ID,
            domain="pubsub.googleapis.com",
            metadata=dict.fromkeys(ack_ids, INVALID_ACK_ID),
        )
    )
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    return Refusal("FAILED_PRECONDITION", status.message, trailers=trailers)


def need(resources: dict[str, Any], name: str) -> Any:
    """Return the resource of this name, or refuse with NOT_FOUND."""
    if name not in resources:
        raise not_found(name)
    return resources[name]


def check_new(resources: dict[str, Any], name: str) -> None:
    """Refuse a name that is taken."""
    if name in resources:
        raise already_exists(name)
