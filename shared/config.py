"""Settings from the environment: the only place that reads it. Every problem is reported at once, in plain words."""

from __future__ import annotations

import datetime as dt
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shared import trace_settings
from shared.core.errors import SettingsError
from shared.core.gemini import limits
from shared.core.gemini.service import Service
from shared.core.naming import is_bucket_name, is_run_name
from shared.core.planning import costs, model_checks
from shared.core.planning.rules import Rules, parse_rules
from shared.core.tasks.catalogue import TASKS
from shared.core.weburls import origin_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.gemini.limits import Backend

_BUNDLED_RULES = Path(__file__).with_name("rules.toml")
_MAX_ACK_DEADLINE_S = 600

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}/")
_TRUE, _FALSE = frozenset({"1", "true", "yes"}), frozenset({"", "0", "false", "no"})


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
    backfill_topic: str | None = None
    run: str = "v1"
    results_prefix: str = ""
    rules_file: Path = _BUNDLED_RULES
    project: str | None = None
    timeout_s: float = 300
    lease_ttl_s: float = 420
    inline_limit_bytes: int = 18_000_000
    inline_hard_limit_bytes: int = 20_000_000
    max_calls_per_day: int | None = None
    max_usd_per_day: float | None = None
    max_pixels: int = 160_000_000
    threads: int = 8
    log_format: Literal["json", "text"] = "json"
    gemini_api_key: str | None = field(default=None, repr=False)
    gemini_base_url: str | None = None
    enterprise: bool = False
    location: str = "global"
    register_files: bool = False
    batch: bool = False
    batch_lines: int = 1000
    strip_metadata: bool = False
    reuse_answers: bool = False
    use_successors: bool = False
    image_url_origins: tuple[str, ...] = ()
    max_images_per_question: int = 20
    storage_emulator_host: str | None = None
    pubsub_emulator_host: str | None = None
    trace_exporters: tuple[str, ...] = ()
    service_name: str = "uplook"
    revision: str | None = None

    @property
    def backend(self) -> Backend:
        """Where Gemini is asked, and what can be sent there."""
        # The real service cannot read the buckets of an emulator.
        reads_buckets = self.storage_emulator_host is None or self.gemini_base_url is not None
        if self.enterprise:
            return limits.vertex(self.inline_limit_bytes, reads_buckets=reads_buckets)
        return limits.developer(self.inline_limit_bytes, register_files=self.register_files and reads_buckets)

    @property
    def results_among_uploads(self) -> bool:
        """Whether results share a bucket with uploads: whoever may upload may then write where results belong."""
        return self.results_bucket in self.upload_buckets

    def service(self, today: dt.date) -> Service:
        """Return which Gemini is asked on a day (UTC), and how it is chosen there among models."""
        return Service(self.backend.name, today, self.location, self.use_successors)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: listing everything that is missing or makes no sense.
        """
        reader = Reader(environ)
        settings = cls(
            results_bucket=reader.bucket("RESULTS_BUCKET"),
            work_bucket=reader.bucket("WORK_BUCKET"),
            upload_buckets=reader.buckets("UPLOAD_BUCKETS"),
            image_topic=reader.topic("IMAGE_TOPIC"),
            result_topic=reader.topic("RESULT_TOPIC"),
            backfill_topic=reader.optional_topic("BACKFILL_TOPIC"),
            run=reader.run("RUN", cls.run),
            results_prefix=reader.prefix("RESULTS_PREFIX"),
            rules_file=reader.file("RULES_FILE", cls.rules_file),
            project=reader.optional("GOOGLE_CLOUD_PROJECT"),
            timeout_s=reader.number("TIMEOUT_S", cls.timeout_s),
            lease_ttl_s=reader.number("LEASE_TTL_S", cls.lease_ttl_s),
            inline_limit_bytes=reader.count("INLINE_LIMIT_BYTES", cls.inline_limit_bytes),
            inline_hard_limit_bytes=reader.count("INLINE_HARD_LIMIT_BYTES", cls.inline_hard_limit_bytes),
            max_calls_per_day=reader.optional_count("MAX_CALLS_PER_DAY"),
            max_usd_per_day=reader.optional_number("MAX_USD_PER_DAY"),
            max_pixels=reader.count("MAX_PIXELS", cls.max_pixels),
            threads=reader.count("THREADS", cls.threads),
            log_format=reader.log_format("LOG_FORMAT", cls.log_format),
            # The SDK's own order: https://ai.google.dev/gemini-api/docs/api-key
            gemini_api_key=reader.optional("GOOGLE_API_KEY") or reader.optional("GEMINI_API_KEY"),
            gemini_base_url=reader.optional("GOOGLE_GEMINI_BASE_URL"),
            enterprise=reader.flag("GOOGLE_GENAI_USE_ENTERPRISE"),
            location=reader.optional("GOOGLE_CLOUD_LOCATION") or cls.location,
            register_files=reader.flag("REGISTER_FILES"),
            batch=reader.flag("BATCH"),
            batch_lines=reader.count("BATCH_LINES", cls.batch_lines),
            strip_metadata=reader.flag("STRIP_METADATA"),
            reuse_answers=reader.flag("REUSE_ANSWERS"),
            use_successors=reader.flag("USE_SUCCESSORS"),
            image_url_origins=reader.words("IMAGE_URL_ORIGINS"),
            max_images_per_question=reader.count("MAX_IMAGES_PER_QUESTION", cls.max_images_per_question),
            storage_emulator_host=reader.optional("STORAGE_EMULATOR_HOST"),
            pubsub_emulator_host=reader.optional("PUBSUB_EMULATOR_HOST"),
            trace_exporters=trace_settings.exporters(environ, reader.problems),
            # What Cloud Run calls the service, else functions-framework the function.
            service_name=reader.optional("K_SERVICE") or reader.optional("FUNCTION_TARGET") or cls.service_name,
            revision=reader.optional("K_REVISION"),
        )
        problems = reader.problems + _contradictions(settings)
        if problems:
            raise SettingsError("Uplook cannot start:\n" + "\n".join(f"  - {line}" for line in problems))
        return settings


def load_settings() -> Settings:
    """Read the settings of this process.

    Raises:
        SettingsError: listing everything that is missing or makes no sense.
    """
    return Settings.from_env(os.environ)


def read_rules(settings: Settings) -> Rules:
    """Read the task rules.

    What they say of models is not judged here: what a day or another service can make wrong must not stop the start.
    It concerns the images that a rule is for, and nobody else (`model_checks`).

    Raises:
        SettingsError: naming the file, and every problem found in it.
    """
    try:
        return parse_rules(settings.rules_file.read_text(encoding="utf-8-sig"))
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{settings.rules_file}: {error}") from error


def service_today(settings: Settings) -> Service:
    """Return which Gemini is asked today."""
    return settings.service(dt.datetime.now(dt.UTC).date())


def model_refusals(rules: Rules, service: Service) -> list[str]:
    """Return what should be logged at start as errors: the models whose images are held."""
    return model_checks.refusals(rules, service)


def model_cautions(rules: Rules, service: Service) -> list[str]:
    """Return what should be logged at start as warnings about the models of these rules."""
    return model_checks.cautions(rules, service)


def cost_cautions(rules: Rules, settings: Settings, service: Service) -> list[str]:
    """Return which tasks of these rules the day's ceiling has no room for at all."""
    return costs.too_dear(rules, max_usd_per_day=settings.max_usd_per_day, service=service)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a tool needs that reads a bucket: the client library's own variables, and nothing of a deployment.

    `pubsub_control_url` is where our Pub/Sub emulator tells what waits.
    """

    project: str | None
    storage_emulator_host: str | None
    pubsub_control_url: str | None = None


def client_settings() -> ClientSettings:
    """Read how to reach Cloud Storage from this process."""
    reader = Reader(os.environ)
    return ClientSettings(
        reader.optional("GOOGLE_CLOUD_PROJECT"),
        reader.optional("STORAGE_EMULATOR_HOST"),
        reader.optional("PUBSUB_CONTROL_URL"),
    )


def check_at_start() -> None:
    """Refuse to start a misconfigured instance; a plain `import main` outside the framework passes.

    Raises:
        SettingsError: listing everything that is missing or makes no sense.
    """
    target = os.environ.get("FUNCTION_TARGET")  # set wherever functions-framework serves, local or deployed
    if target:
        settings = load_settings()
        read_rules(settings)
        asks = target in TASKS or (settings.batch and target == "release")
        if asks and not (settings.gemini_api_key or settings.enterprise):
            raise SettingsError(
                f"Uplook cannot start: {target} asks Gemini, and neither GEMINI_API_KEY is set nor"
                " GOOGLE_GENAI_USE_ENTERPRISE=true, which needs no key."
            )


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    if settings.work_bucket in settings.upload_buckets:
        problems.append(
            f"UPLOAD_BUCKETS names {settings.work_bucket}, where leases and replies lie: use a bucket of its own."
        )
    if settings.results_bucket in settings.upload_buckets and not settings.results_prefix:
        problems.append(
            f"UPLOAD_BUCKETS names {settings.results_bucket}, where results lie: every result would trigger new work."
            " Use another bucket for uploads, or set RESULTS_PREFIX to a folder of its own (such as uplook-results/)."
        )
    if settings.results_bucket and settings.results_bucket == settings.work_bucket:
        problems.append("RESULTS_BUCKET and WORK_BUCKET are the same: leases must lie apart from results.")
    if settings.image_topic and settings.image_topic == settings.result_topic:
        problems.append("IMAGE_TOPIC and RESULT_TOPIC are the same: workers would be sent their own results.")
    if not settings.timeout_s < _MAX_ACK_DEADLINE_S:
        problems.append(
            f"TIMEOUT_S is {settings.timeout_s:g}: it must stay below {_MAX_ACK_DEADLINE_S}, Pub/Sub's limit."
        )
    if settings.enterprise and not settings.project:
        problems.append("GOOGLE_GENAI_USE_ENTERPRISE is set, and GOOGLE_CLOUD_PROJECT is not: Vertex needs a project.")
    wrong = (origin_problem(origin) for origin in settings.image_url_origins)
    problems += [f"IMAGE_URL_ORIGINS: {problem}." for problem in wrong if problem]
    if settings.backfill_topic and settings.backfill_topic == settings.result_topic:
        problems.append("BACKFILL_TOPIC and RESULT_TOPIC are the same: workers would be sent their own results.")
    if settings.lease_ttl_s <= settings.timeout_s:
        problems.append(
            f"LEASE_TTL_S is {settings.lease_ttl_s:g}, TIMEOUT_S is {settings.timeout_s:g}:"
            " a lease must outlive its holder."
        )
    return problems


class Reader:
    """Reads variables one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def optional(self, name: str) -> str | None:
        """A text, or None where it is not set or empty."""
        return self._environ.get(name, "").strip() or None

    def words(self, name: str) -> tuple[str, ...]:
        """Texts between commas; empty ones are dropped."""
        return tuple(word.strip() for word in (self.optional(name) or "").split(",") if word.strip())

    def flag(self, name: str) -> bool:
        """`true`, `1` or `yes`; `false`, `0`, `no` or nothing."""
        value = (self.optional(name) or "").lower()
        if value not in _TRUE | _FALSE:
            self.problems.append(f"{name}: expected true or false, found {value!r}.")
        return value in _TRUE

    def prefix(self, name: str) -> str:
        """A folder of objects: `uplook/`."""
        value = self.optional(name) or ""
        if value and not _PREFIX.fullmatch(value):
            self.problems.append(f"{name}: expected a folder such as uplook-results/, found {value!r}.")
        return value

    def text(self, name: str) -> str:
        """A text that must be set."""
        value = self.optional(name)
        if value is None:
            self.problems.append(f"{name} is not set.")
        return value or ""

    def bucket(self, name: str) -> str:
        """The name of a bucket that must be set."""
        value = self.text(name)
        self._check_bucket(name, value)
        return value

    def buckets(self, name: str) -> tuple[str, ...]:
        """Names of buckets between commas, at least one."""
        text = self.text(name)
        values = self.words(name)
        if text and not values:
            self.problems.append(f"{name}: expected bucket names, separated by commas, found {text!r}.")
        for value in values:
            self._check_bucket(name, value)
        return values

    def file(self, name: str, default: Path) -> Path:
        """A file that must exist, or the default."""
        value = self.optional(name)
        if value is not None and not Path(value).is_file():
            self.problems.append(f"{name}: expected a file, found none at {value!r}.")
        return default if value is None else Path(value)

    def optional_topic(self, name: str) -> str | None:
        """A topic, or None where none is set."""
        return self.topic(name) if self.optional(name) else None

    def topic(self, name: str) -> str:
        """`projects/PROJECT/topics/TOPIC`, which must be set."""
        value = self.text(name)
        if value and not _TOPIC.fullmatch(value):
            self.problems.append(f"{name}: expected projects/PROJECT/topics/TOPIC, found {value!r}.")
        return value

    def run(self, name: str, default: str) -> str:
        """The name of a run."""
        value = self.optional(name) or default
        if not is_run_name(value):
            self.problems.append(
                f"{name}: expected 1-32 of a-z 0-9 . _ - beginning with a letter or digit, found {value!r}."
            )
        return value

    def number(self, name: str, default: float) -> float:
        """A number above 0."""
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

    def optional_number(self, name: str) -> float | None:
        """A number above 0, or None where it is not set."""
        return self.number(name, 1.0) if self.optional(name) else None

    def optional_count(self, name: str) -> int | None:
        """A whole number above 0, or None where it is not set."""
        return self.count(name, 1) if self.optional(name) else None

    def count(self, name: str, default: int) -> int:
        """A whole number above 0."""
        number = self.number(name, default)
        if number != int(number):
            self.problems.append(f"{name}: expected a whole number, found {self.optional(name)!r}.")
        return int(number)

    def log_format(self, name: str, default: Literal["json", "text"]) -> Literal["json", "text"]:
        """`json` or `text`."""
        value = self.optional(name) or default
        if value == "json":
            return "json"
        if value != "text":
            self.problems.append(f"{name}: expected json or text, found {value!r}.")
        return "text"

    def _check_bucket(self, name: str, value: str) -> None:
        if value and not is_bucket_name(value):
            self.problems.append(f"{name}: expected the name of a bucket, such as my-bucket, found {value!r}.")
