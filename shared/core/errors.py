"""One error tree with three ends: record and acknowledge, ask for redelivery, or (anything else) a bug.

`PermanentError` can never succeed for this input: the pipeline commits an error result and acknowledges.
`TransientError` may succeed later: it is raised through the function, so that Pub/Sub delivers again.
Every other exception is a bug: it is raised too, and the dead-letter function records where it ends.
"""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class ErrorCode(StrEnum):
    """Every stable word for programs that says what went wrong; docs/consumers.md tells when, and what to do.

    A code keeps its meaning within version 1. Those that a result document or a result event can hold are listed in
    their schemas, too.
    """

    # Of results: the image.
    BAD_ASPECT = "bad_aspect"
    CORRUPT = "corrupt"
    EMPTY_FILE = "empty_file"
    NOT_AN_IMAGE = "not_an_image"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TRUNCATED = "truncated"
    UNSUPPORTED_FORMAT = "unsupported_format"
    FOREIGN_BUCKET = "foreign_bucket"
    GONE = "gone"
    OWN_OUTPUT = "own_output"
    SUPERSEDED = "superseded"
    # Of results: a manifest.
    BAD_MANIFEST = "bad_manifest"
    BAD_MANIFEST_IMAGE = "bad_manifest_image"
    # Of results: the model and its answer. The last three are the status of a reading.
    IMAGE_REFUSED = "image_refused"
    REQUEST_REFUSED = "request_refused"
    STORAGE_REFUSED = "storage_refused"
    BLOCKED = "blocked"
    PARTIAL = "partial"
    FAILED = "failed"
    # Of results: every delivery failed.
    DEAD_LETTER = "dead_letter"
    # Of results that share a bucket with uploads: somebody else's object keeps their place.
    FOREIGN_RESULT = "foreign_result"

    # Of held events.
    CONFIGURATION = "configuration"
    DAILY_CEILING = "daily_ceiling"
    DAILY_QUOTA = "daily_quota"
    MODEL_AWAY = "model_away"
    # Of events whose ask waits for a batch job: nothing is wrong.
    BATCH = "batch"

    # Of one image of a manifest: its message is part of that of `bad_manifest_image`.
    IMAGE_NOT_FOUND = "image_not_found"
    URL_REFUSED = "url_refused"

    # Of events that cannot be read: in logs.
    BAD_BASE64 = "bad_base64"
    BAD_JSON = "bad_json"
    MALFORMED_EVENT = "malformed_event"
    UNKNOWN_SCHEMA = "unknown_schema"

    # Of what a redrive leaves as it is: in its table.
    ELSEWHERE = "elsewhere"
    NO_FAILURE = "no_failure"
    NO_REDRIVES_LEFT = "no_redrives_left"
    NO_SETTINGS = "no_settings"
    OTHER_EVENT = "other_event"
    OTHER_SETTINGS = "other_settings"


class UplookError(Exception):
    """Something went wrong in Uplook."""


class PermanentError(UplookError):
    """This input can never succeed.

    `code` is for programs; the message is for people: what was expected, what was found and what to do.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ImageRejectedError(PermanentError):
    """The bytes are not an image that Uplook accepts."""


class EventRejectedError(PermanentError):
    """An event is malformed: nothing can be done for it, however often it is delivered."""


class EventVersionError(EventRejectedError):
    """An event of another version: one of this system's own makers is newer, or older, than this reader."""


class ModelRejectedError(PermanentError):
    """The model refused the request itself (not its content): the same request will be refused again."""


class SchemaRefusedError(ModelRejectedError):
    """The model refuses the request, and may refuse no more of it than the schema of the answer."""


class PassingRefusalError(ModelRejectedError):
    """The model refuses the request in words that speak of a moment: "please retry", a fetcher that is throttled."""


class SizeRefusedError(ModelRejectedError):
    """The request, or an image in it, is too large for the way it came: another way may carry it."""


class FileUnavailableError(UplookError):
    """A file of the Files API that a request refers to has expired, was deleted, or is not ours."""


class TransientError(UplookError):
    """The same event may succeed later; `retry_after_s` is a server's own wish, already capped, or None."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RefusedError(TransientError):
    """A service answered that it did nothing: nothing is paid for, and nothing happened."""


class AwayError(RefusedError):
    """The service is away or overloaded, whatever it is asked: no request is to blame."""


class ThrottledError(AwayError):
    """The service wants fewer calls per minute (429)."""


class DailyQuotaError(ThrottledError):
    """The day's quota of the service is used up: waiting a minute does not help."""


class WaitingError(TransientError):
    """Another delivery is at work on the same: nothing was found out about the model or the image."""


class ConfigurationError(RefusedError):
    """The deployment is at fault (a wrong key, a lost role, a model that is gone): never the image."""


class ObjectRefusedError(TransientError):
    """Cloud Storage has the object and will not hand it out: its key is missing or disabled, or a reader must pay.

    Where the object is the one that an event is about, that is final. Of our own buckets it may be mended.
    """


class ParkError(UplookError):
    """No model call is possible before a later time: the event is to be held until then, and acknowledged.

    `code` is DAILY_CEILING (our own limit), DAILY_QUOTA (the service's), CONFIGURATION or MODEL_AWAY; `until` is an
    hour, `2026-11-22T08` (UTC). `budget` is the id of the budget that is the reason: others have no part in it.
    """

    def __init__(self, code: ErrorCode, message: str, *, until: str, budget: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.until = until
        self.budget = budget


class BatchedError(UplookError):
    """The ask waits for a batch job: the event is acknowledged, and comes again with the answer."""


class SettingsError(UplookError):
    """The configuration cannot work: raised at start, listing every problem at once."""


# What a port answers when a precondition decides. They are neither permanent nor transient by themselves: the
# pipeline knows what each means at the step where it happens.


class NotFoundError(UplookError):
    """The object (or exactly this generation of it) does not exist, or exists no longer."""


class AlreadyExistsError(UplookError):
    """A create-only write found something there."""


class ChangedError(UplookError):
    """A conditional write or read found another generation than the one it named."""
