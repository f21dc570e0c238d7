"""What happens to an upload: a pure decision from the event alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from shared.core import jsontext
from shared.core.delivery.interpret import MAX_ASKS
from shared.core.events.envelopes import BATCH_LANE, ImageEvent, settings_document
from shared.core.events.manifest import is_manifest
from shared.core.gemini.registry import profile
from shared.core.planning import asks, model_checks
from shared.core.planning.choices import Choices
from shared.core.tasks import ask
from shared.core.tasks.catalogue import TASKS
from shared.core.tasks.common import joint
from shared.core.tasks.common.prompts import QUESTION_LATER, Wanted, render
from shared.core.values import TaskSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.events.envelopes import Upload
    from shared.core.gemini.registry import ModelProfile
    from shared.core.gemini.service import Service
    from shared.core.planning.asks import Ask
    from shared.core.planning.choices import TaskChoices
    from shared.core.planning.rules import Rules
    from shared.core.tasks.common.task import Task
    from shared.core.values import Source

_IMAGE_SUFFIXES = frozenset(
    ("avif", "bmp", "gif", "heic", "heif", "hif", "jfif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp")
)
_UNSAID_TYPES = frozenset(
    (
        "",
        "*/*",
        "application/binary",
        "application/force-download",
        "application/octet-stream",
        "application/unknown",
        "application/x-binary",
        "application/x-download",
        "application/x-www-form-urlencoded",
        "binary/octet-stream",
        "unknown/unknown",
    )
)
"""What clients declare that do not know; the form is what curl says of any `--data-binary`."""

_FOLDER_TYPES = frozenset(("application/x-directory", "httpd/unix-directory"))
_FOLDER_SUFFIX = "_$folder$"
"""What the console, gcsfuse and Hadoop's connectors write to show an empty folder."""

_UPLOAD_PART = re.compile(r"(?:^|/)(?:gsutil|gcloud)/tmp/parallel_composite_uploads/|^\.gcsfuse_tmp/")
"""Where gsutil, `gcloud storage` and gcsfuse keep the parts of an object until they compose it."""

_MAX_BYTES = 50_000_000
EXCLUDED = "excluded by a rule"


@dataclass(frozen=True, slots=True)
class Plan:
    """The image events to publish for an upload, or why there are none.

    `held` says, by task, why the worker will hold an event: nobody answers its model. `beyond` are the tasks for which
    an upload's `max_calls` has no room.
    """

    events: tuple[ImageEvent, ...] = ()
    left_out: str | None = None
    warnings: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    beyond: tuple[str, ...] = ()


def plan(upload: Upload, rules: Rules, *, run: str, service: Service | None = None) -> Plan:
    """Decide which tasks an upload gets, where `service` is asked; without one, models are taken as they are named."""
    source = upload.source
    unlike = unlike_a_question(source)
    if unlike is not None:
        return Plan(left_out=unlike)
    if is_manifest(source.name):
        return _plan_manifest(upload, rules, run=run, service=service)
    choices, warnings = rules.choices_for(source.bucket, source.name, upload.metadata)
    if choices.exclude:
        return Plan(left_out=EXCLUDED, warnings=warnings)
    if not choices.tasks:
        return Plan(left_out="no task is wanted for it", warnings=warnings)
    wanted = dict.fromkeys(choices.tasks)
    cannot = {name: reason for name in wanted if (reason := why_not(name, choices))}
    warnings += tuple(f"{name} is left out: {reason}" for name, reason in cannot.items())
    if len(cannot) == len(wanted):
        return Plan(left_out="no task that is wanted can be done", warnings=warnings)
    able = [name for name in wanted if name not in cannot]
    planned, apart = asks_of(able, choices, service=service)
    doable = within_calls(planned, choices)
    beyond = [name for each in planned[len(doable) :] for name in each.tasks]
    if beyond:
        warnings += (f"{', '.join(beyond)}: left out, {beyond_calls(choices)}",)
    lane = BATCH_LANE if choices.lane == BATCH_LANE else None
    events = tuple(each.event(source, run=run, lane=lane) for each in doable)
    return Plan(
        events=events,
        warnings=(*warnings, *apart, *(text for each in doable for text in each.warnings)),
        held=_held(events, service),
        beyond=tuple(beyond),
    )


def asks_of(
    tasks: Sequence[str], choices: Choices, *, service: Service | None = None
) -> tuple[tuple[Ask, ...], tuple[str, ...]]:
    """Return the asks for these tasks, where `service` is asked, and warnings about groups that cannot be."""
    return asks.into_asks(tasks, choices, partial(resolve, service=service))


def _held(events: Sequence[ImageEvent], service: Service | None) -> dict[str, str]:
    if service is None:
        return {}
    views = [view for event in events for view in event.views()]
    refused = {each.task: model_checks.model_to_ask(each.task, each.settings.model, service).refused for each in views}
    return {task: reason for task, reason in refused.items() if reason is not None}


def _plan_manifest(upload: Upload, rules: Rules, *, run: str, service: Service | None) -> Plan:
    """A manifest is a question, whatever tasks images get: one event, which the question joins at the worker."""
    source = upload.source
    choices, warnings = rules.choices_for(source.bucket, source.name, upload.metadata)
    refused = asks_refused(choices)
    if refused is not None:
        return Plan(left_out=refused, warnings=warnings)
    wish = choices.of(ask.TASK.name)
    later = replace(wish, question=QUESTION_LATER, language=None)
    settings, clamped = resolve(ask.TASK.name, Choices(for_task={ask.TASK.name: later}), service=service)
    settings = replace(settings, question=None, language=wish.language)
    events = (ImageEvent(source, ask.TASK.name, settings, run),)
    return Plan(events=events, warnings=(*warnings, *clamped), held=_held(events, service))


def unlike_a_question(source: Source) -> str | None:
    """Return why an upload, by what is said of it, is neither a manifest nor an image; None where it may be one."""
    return None if is_manifest(source.name) else _unlike_an_image(source)


def _unlike_an_image(source: Source) -> str | None:
    if _is_folder_mark(source):
        return "a folder placeholder"
    if _UPLOAD_PART.search(source.name):
        return "a part of an upload, which its client composes into the object that is meant"
    if not looks_like_image(source.name, source.content_type):
        return f"not an image by name or content type ({source.content_type or 'none given'})"
    return None


def _is_folder_mark(source: Source) -> bool:
    """Whether an object only shows a folder: by a name that ends like one, or empty and of a folder's type."""
    by_type = source.size == 0 and _declared(source.content_type) in _FOLDER_TYPES
    return by_type or source.name.endswith("/") or (source.size == 0 and source.name.endswith(_FOLDER_SUFFIX))


def looks_like_image(name: str, content_type: str | None) -> bool:
    """Whether an upload is worth a look: by the type of an image or one that says nothing, or by an image's suffix.

    Workers look at the bytes; this only saves them the uploads that say of themselves that they are something else.
    A name alone never does: `Screenshot 2026-11-29 at 10.01.57` has a dot, and no type.
    """
    declared = _declared(content_type)
    suffix = name.rpartition("/")[2].rpartition(".")
    has_image_suffix = bool(suffix[1]) and suffix[2].lower() in _IMAGE_SUFFIXES
    return declared.startswith("image/") or declared in _UNSAID_TYPES or has_image_suffix


@lru_cache(maxsize=256)
def _declared(content_type: str | None) -> str:
    return (content_type or "").split(";")[0].strip().lower()


def within_calls(planned: Sequence[Ask], choices: Choices) -> Sequence[Ask]:
    """Return the first of these asks, as many as an upload's `max_calls` has room for."""
    return planned if choices.max_calls is None else planned[: choices.max_calls // MAX_ASKS]


def beyond_calls(choices: Choices) -> str:
    """Return why no more tasks are done, for people."""
    return f"the rules allow an upload {choices.max_calls} model calls (max_calls), and a task may take {MAX_ASKS}"


def asks_refused(choices: Choices) -> str | None:
    """Return why no uploader may ask about an object that gets these choices, or None."""
    if choices.exclude:
        return EXCLUDED
    if not choices.uploads_may_set("question"):
        return "the rules leave no question to uploads (uploader_settings)"
    if not choices.uploads_may_have(ask.TASK.name):
        return "the rules leave ask to no upload (uploader_tasks)"
    return None


def why_not(task_name: str, choices: Choices) -> str | None:
    """Return why a task that is wanted cannot be done, or None."""
    if "question" in TASKS[task_name].needs and not choices.of(task_name).question:
        return "no question is given, by the rules or by the metadata uplook-question"
    return None


def resolve_settings(task_name: str, choices: Choices) -> TaskSettings:
    """Return everything a worker needs for this task, with defaults filled in."""
    return resolve(task_name, choices)[0]


def resolve(
    task_name: str, choices: Choices, *, service: Service | None = None
) -> tuple[TaskSettings, tuple[str, ...]]:
    """Return the settings of a task, and warnings about wishes that its model cannot have."""
    task, wish = TASKS[task_name], choices.of(task_name)
    model, replaced = _model(task_name, wish.model or task.model, service)
    # What a task does not take stays out of its settings: they are part of the key, and decide what is paid for.
    labels = tuple(dict.fromkeys(wish.labels or ())) if "labels" in task.takes else ()
    wanted = Wanted(
        labels=labels,
        multi_label=bool(wish.multi_label),
        question=wish.question if "question" in task.takes else None,
        # A choice from a closed set is a label as it was given, in whatever language that is.
        language=None if task.verbatim or (labels and "multi_label" in task.takes) else wish.language,
        max_items=(wish.max_items if "max_items" in task.takes else None) or task.max_items,
    )
    resolution, warnings = _media_resolution(task_name, model, wish.media_resolution)
    settings = TaskSettings(
        model=model.id,
        prompt=render(wish.prompt or task.template(wanted), wanted, subject=task.subject, masks=model.masks),
        thinking=wish.thinking or task.thinking,
        max_items=wanted.max_items,
        max_bytes=wish.max_bytes or _MAX_BYTES,
        labels=wanted.labels,
        question=wanted.question,
        language=wanted.language,
        multi_label=wanted.multi_label,
        system_instruction=wish.system_instruction,
        media_resolution=resolution,
        safety=tuple(sorted((wish.safety or {}).items())),
        max_items_set="max_items" in task.takes and wish.max_items is not None,
        temperature=wish.temperature if model.sampling else None,
        **_of_files(task, wish),
    )
    return settings, (*replaced, *warnings, *_ignored(task_name, model, wish))


def _model(task: str, named: str, service: Service | None) -> tuple[ModelProfile, tuple[str, ...]]:
    """Return the model that is asked, and a warning where it is not the one that is named."""
    if service is None:
        return profile(named), ()
    choice = model_checks.model_to_ask(task, named, service)
    return profile(choice.model), () if choice.replaced is None else (f"{task}: {choice.replaced}",)


def _of_files(task: Task, wish: TaskChoices) -> dict[str, Any]:
    """Which files are wanted and how, where a task has any and somebody says so."""
    said = {key: getattr(wish, key) for key in ("mask_threshold", "soft_masks", "crops") if key in task.takes}
    return {key: value for key, value in said.items() if value is not None}


def _media_resolution(task: str, model: ModelProfile, wish: str | None) -> tuple[str | None, tuple[str, ...]]:
    if wish is None:
        return None, ()
    if not model.media_resolutions:
        return None, (f"{task}: {model.id} takes no media_resolution, {wish} is left out",)
    nearest = model.resolution(wish)
    return nearest, () if nearest == wish else (
        f"{task}: {model.id} takes no media_resolution {wish}, it is {nearest}",
    )


def _ignored(task: str, model: ModelProfile, wish: TaskChoices) -> tuple[str, ...]:
    """Return warnings about what the model does not take."""
    warnings = _thinking_warning(task, model, wish.thinking)
    if wish.temperature is None or model.sampling:
        return warnings
    return (*warnings, f"{task}: {model.id} takes no temperature, {wish.temperature:g} is left out")


def _thinking_warning(task: str, model: ModelProfile, wish: str | None) -> tuple[str, ...]:
    if wish is None:
        return ()
    if model.thinking != "level":
        return (f"{task}: {model.id} has no thinking levels, {wish} is left out",)
    level = model.level(wish)
    return () if level == wish else (f"{task}: {model.id} takes no thinking level {wish}, it is {level}",)


def idempotency_key(event: ImageEvent) -> str:
    """Return the id of the one result that the task of this event can have: it changes with anything asked of it.

    The redrive is left out: a second chance at the same work has the same id.
    """
    return _hash(event, [event.task, settings_document(event.settings)])


def ask_key(event: ImageEvent) -> str:
    """Return the key of the ask: of its lease and its journal.

    It is that of the leading task where nothing is asked for beside it: then the answer is the same, too.
    """
    asked = joint.asked_for(event.tasks)
    views = [view for view in event.views() if view.task in asked]
    if len(views) == 1:
        return idempotency_key(views[0])
    return _hash(event, [[view.task, settings_document(view.settings)] for view in event.views()])


def _hash(event: ImageEvent, asked: Sequence[Any]) -> str:
    source = event.source
    return hashlib.sha256(
        jsontext.dump_compact([source.bucket, source.name, str(source.generation), event.run, *asked])
    ).hexdigest()
