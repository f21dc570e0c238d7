"""Settings from the environment: the only place that reads it. Every problem is reported at once, in plain words."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shared.core.errors import SettingsError
from shared.core.naming import is_bucket_name, is_run_name
from shared.core.rules import Rules, parse_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")
_BUNDLED_RULES = Path(__file__).with_name("rules.toml")
_MAX_ACK_DEADLINE_S = 600


@dataclass(frozen=True)  # no slots: the class attributes are the documented defaults
class Settings:
    """Everything that can be set. Times in seconds, sizes in bytes; topics are `projects/P/topics/T`.

    `timeout_s` is the worker's own deadline for one event: below the subscription's ack deadline (at most
    600 s), and below `lease_ttl_s`, so that a lease outlives whoever holds it.
    """

    results_bucket: str
    work_bucket: str
    upload_buckets: tuple[str, ...]
    image_topic: str
    result_topic: str
    run: str = "v1"
    rules_file: Path = _BUNDLED_RULES
    project: str | None = None
    timeout_s: float = 300
    lease_ttl_s: float = 420
    inline_limit_bytes: int = 18_000_000
    max_pixels: int = 160_000_000
    threads: int = 8
    log_format: Literal["json", "text"] = "json"
    gemini_api_key: str | None = field(default=None, repr=False)
    gemini_base_url: str | None = None
    storage_emulator_host: str | None = None
    pubsub_emulator_host: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: listing everything that is missing or makes no sense.
        """
        reader = _Reader(environ)
        settings = cls(
            results_bucket=reader.bucket("RESULTS_BUCKET"),
            work_bucket=reader.bucket("WORK_BUCKET"),
            upload_buckets=reader.buckets("UPLOAD_BUCKETS"),
            image_topic=reader.topic("IMAGE_TOPIC"),
            result_topic=reader.topic("RESULT_TOPIC"),
            run=reader.run("RUN", cls.run),
            rules_file=reader.file("RULES_FILE", cls.rules_file),
            project=reader.optional("GOOGLE_CLOUD_PROJECT"),
            timeout_s=reader.number("TIMEOUT_S", cls.timeout_s),
            lease_ttl_s=reader.number("LEASE_TTL_S", cls.lease_ttl_s),
            inline_limit_bytes=reader.count("INLINE_LIMIT_BYTES", cls.inline_limit_bytes),
            max_pixels=reader.count("MAX_PIXELS", cls.max_pixels),
            threads=reader.count("THREADS", cls.threads),
            log_format=reader.log_format("LOG_FORMAT", cls.log_format),
            # The SDK's own order: https://ai.google.dev/gemini-api/docs/api-key
            gemini_api_key=reader.optional("GOOGLE_API_KEY") or reader.optional("GEMINI_API_KEY"),
            gemini_base_url=reader.optional("GOOGLE_GEMINI_BASE_URL"),
            storage_emulator_host=reader.optional("STORAGE_EMULATOR_HOST"),
            pubsub_emulator_host=reader.optional("PUBSUB_EMULATOR_HOST"),
        )
        problems = reader.problems + _contradictions(settings)
        if problems:
            raise SettingsError("Uplook cannot start:\n" + "\n".join(f"  - {line}" for line in problems))
        return settings


def load() -> Settings:
    """Read the settings of this process.

    Raises:
        SettingsError: listing everything that is missing or makes no sense.
    """
    return Settings.from_env(os.environ)


def read_rules(settings: Settings) -> Rules:
    """Read the task rules.

    Raises:
        SettingsError: naming the file, and every problem found in it.
    """
    try:
        return parse_rules(settings.rules_file.read_text(encoding="utf-8-sig"))
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{settings.rules_file}: {error}") from error


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a tool needs that reads a bucket: the client library's own variables, and nothing of a deployment."""

    project: str | None
    storage_emulator_host: str | None


def client_settings() -> ClientSettings:
    """Read how to reach Cloud Storage from this process."""
    reader = _Reader(os.environ)
    return ClientSettings(reader.optional("GOOGLE_CLOUD_PROJECT"), reader.optional("STORAGE_EMULATOR_HOST"))


def check_at_start() -> None:
    """Refuse to start a misconfigured instance; a plain `import main` outside the framework passes.

    Raises:
        SettingsError: listing everything that is missing or makes no sense.
    """
    if os.environ.get("FUNCTION_TARGET"):  # set wherever functions-framework serves, local or deployed
        read_rules(load())


def _contradictions(settings: Settings) -> list[str]:
    own = [name for name in (settings.results_bucket, settings.work_bucket) if name]
    problems = [
        f"UPLOAD_BUCKETS names {bucket}, where results or work lie: every result would trigger new work."
        " Use a bucket of its own for uploads."
        for bucket in settings.upload_buckets
        if bucket in own
    ]
    if settings.results_bucket and settings.results_bucket == settings.work_bucket:
        problems.append("RESULTS_BUCKET and WORK_BUCKET are the same: leases must lie apart from results.")
    if settings.image_topic and settings.image_topic == settings.result_topic:
        problems.append("IMAGE_TOPIC and RESULT_TOPIC are the same: workers would be sent their own results.")
    if not settings.timeout_s < _MAX_ACK_DEADLINE_S:
        problems.append(
            f"TIMEOUT_S is {settings.timeout_s:g}: it must stay below {_MAX_ACK_DEADLINE_S}, Pub/Sub's limit."
        )
    if settings.lease_ttl_s <= settings.timeout_s:
        problems.append(
            f"LEASE_TTL_S is {settings.lease_ttl_s:g}, TIMEOUT_S is {settings.timeout_s:g}:"
            " a lease must outlive its holder."
        )
    return problems


class _Reader:
    """Reads variables one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def optional(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def text(self, name: str) -> str:
        value = self.optional(name)
        if value is None:
            self.problems.append(f"{name} is not set.")
        return value or ""

    def bucket(self, name: str) -> str:
        value = self.text(name)
        self._check_bucket(name, value)
        return value

    def buckets(self, name: str) -> tuple[str, ...]:
        text = self.text(name)
        values = tuple(word.strip() for word in text.split(",") if word.strip())
        if text and not values:
            self.problems.append(f"{name}: expected bucket names, separated by commas, found {text!r}.")
        for value in values:
            self._check_bucket(name, value)
        return values

    def file(self, name: str, default: Path) -> Path:
        value = self.optional(name)
        if value is not None and not Path(value).is_file():
            self.problems.append(f"{name}: expected a file, found none at {value!r}.")
        return default if value is None else Path(value)

    def topic(self, name: str) -> str:
        value = self.text(name)
        if value and not _TOPIC.fullmatch(value):
            self.problems.append(f"{name}: expected projects/PROJECT/topics/TOPIC, found {value!r}.")
        return value

    def run(self, name: str, default: str) -> str:
        value = self.optional(name) or default
        if not is_run_name(value):
            self.problems.append(
                f"{name}: expected 1-32 of a-z 0-9 . _ - beginning with a letter or digit, found {value!r}."
            )
        return value

    def number(self, name: str, default: float) -> float:
        value = self.optional(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self.problems.append(f"{name}: expected a number above 0, found {value!r}.")
            return default
        return number

    def count(self, name: str, default: int) -> int:
        number = self.number(name, default)
        if number != int(number):
            self.problems.append(f"{name}: expected a whole number, found {self.optional(name)!r}.")
        return int(number)

    def log_format(self, name: str, default: Literal["json", "text"]) -> Literal["json", "text"]:
        value = self.optional(name) or default
        if value == "json":
            return "json"
        if value != "text":
            self.problems.append(f"{name}: expected json or text, found {value!r}.")
        return "text"

    def _check_bucket(self, name: str, value: str) -> None:
        if value and not is_bucket_name(value):
            self.problems.append(f"{name}: expected the name of a bucket, such as my-bucket, found {value!r}.")
