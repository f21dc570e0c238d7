"""Uplook's results in a program of your own: typed events and documents, verified files, a pull loop.

This folder stands alone: it imports nothing else of Uplook, so copy it into your program under any name. It needs
google-cloud-storage to read results and google-cloud-pubsub to pull events, each imported when it is first used.
docs/consumers.md tells how to use it and what version 1 promises.
"""

from .documents import parse_result
from .errors import (
    ConsumerError,
    CorruptFileError,
    MalformedError,
    MissingError,
    NoResultError,
    UnsupportedVersionError,
)
from .events import parse_event
from .reading import ResultReader
from .subscribing import Pulling, subscribe
from .values import (
    AskedTask,
    ClassLabel,
    Counts,
    File,
    Image,
    Item,
    Mask,
    Model,
    Problem,
    Result,
    ResultEvent,
    SeenImage,
    Settings,
    Source,
    Transport,
    Usage,
)

__all__ = [
    "AskedTask",
    "ClassLabel",
    "ConsumerError",
    "CorruptFileError",
    "Counts",
    "File",
    "Image",
    "Item",
    "MalformedError",
    "Mask",
    "MissingError",
    "Model",
    "NoResultError",
    "Problem",
    "Pulling",
    "Result",
    "ResultEvent",
    "ResultReader",
    "SeenImage",
    "Settings",
    "Source",
    "Transport",
    "UnsupportedVersionError",
    "Usage",
    "parse_event",
    "parse_result",
    "subscribe",
]
