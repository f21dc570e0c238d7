"""What can go wrong on the consumer's side. Errors of the client libraries pass through as they are."""

from __future__ import annotations


class ConsumerError(Exception):
    """An event, a result or a file is not what it should be."""


class MalformedError(ConsumerError):
    """It is no event or result of Uplook: the message says where it departs."""


class UnsupportedVersionError(ConsumerError):
    """It is of another major version than this client reads: update the client."""


class NoResultError(ConsumerError):
    """The image event is held: there is no result yet, and another event will tell of it."""


class MissingError(ConsumerError):
    """The result or file is there no more: expired by a lifecycle rule, or erased."""


class CorruptFileError(ConsumerError):
    """A file's bytes are not those that its result lists."""
