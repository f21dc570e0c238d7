"""What happens to an upload is decided from the event alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.events.envelopes import ImageEvent, Upload
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import Plan, idempotency_key, looks_like_image, plan, resolve_settings
from shared.core.planning.rules import Rule, Rules
from shared.core.values import Source, TaskSettings

RULES = Rules(Choices(tasks=("caption", "detect")), (Rule(None, "thumbnails/", Choices(exclude=True)),))
SOURCE = Source("uploads", "cat.jpg", 17, 5, "image/jpeg", "AAAAAA==")
EVENT = ImageEvent(SOURCE, "detect", resolve_settings("detect", Choices()), "v1")


def _plan(
    name: str = "cat.jpg", content_type: str | None = "image/jpeg", rules: Rules = RULES, **metadata: str
) -> Plan:
    keys = {f"uplook-{key}": value for key, value in metadata.items()}
    return plan(Upload(Source("uploads", name, 17, 5, content_type), keys), rules, run="v1")


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("cat.jpg", "image/jpeg"),
        ("cat.JPG", None),
        ("cat.HeIc", "application/octet-stream"),
        ("cat.jpg", "text/plain"),  # names and types lie: the worker looks at the bytes
        ("cat", "IMAGE/PNG; charset=binary"),
        ("cat.txt", "image/png"),
        ("cat", None),
        ("cat", ""),
        ("dir.v2/cat", "application/octet-stream"),
        ("cat", "binary/octet-stream"),
        ("cat", "application/octet-stream; charset=binary"),
        (".jpg", None),
        ("cat.tar.webp", None),
        ("Screenshot 2026-11-29 at 10.01.57", None),
        ("Screenshot 2026-11-29 at 10.01.57", "application/octet-stream"),
        ("photo.jpg_large", None),
        ("photo.jpg?width=100", "application/octet-stream"),
        ("photo.jpg:large", ""),
        ("photo.jpg.part", "application/octet-stream"),
        ("IMG_0001.JPG (1)", "binary/octet-stream"),
        ("data.bin", "application/octet-stream"),
        ("notes.txt", None),
        ("cat.", None),
        ("curl.1", "application/x-www-form-urlencoded"),
    ],
)
def test_what_may_be_an_image_gets_a_look(name: str, content_type: str | None) -> None:
    assert looks_like_image(name, content_type)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("notes.txt", "text/plain"),
        ("film.mp4", "video/mp4"),
        ("cat.jpg.zip", "application/zip"),
        ("pictures.jpg/readme", "text/plain"),
        ("cat", "application/json"),
        ("photo.jpg?width=100", "text/html"),
        ("jpg", "text/plain"),
    ],
)
def test_what_is_no_image_by_name_and_type_costs_nothing(name: str, content_type: str | None) -> None:
    assert not looks_like_image(name, content_type)


@given(st.text(max_size=40), st.sampled_from([None, "", "application/octet-stream", "Binary/Octet-Stream; x=y"]))
def test_no_name_keeps_an_upload_of_unsaid_type_from_a_look(name: str, content_type: str | None) -> None:
    assert looks_like_image(name, content_type)


PART = "a part of an upload, which its client composes into the object that is meant"
COMPOSED = "tmp/parallel_composite_uploads/"


@pytest.mark.parametrize(
    ("name", "content_type", "size", "reason"),
    [
        ("photos/", "text/plain", 0, "a folder placeholder"),
        ("photos/", None, 0, "a folder placeholder"),
        ("photos_$folder$", "application/octet-stream", 0, "a folder placeholder"),
        ("photos", "application/x-directory", 0, "a folder placeholder"),
        ("photos.jpg", "application/x-directory; charset=UTF-8", 0, "a folder placeholder"),
        (f"/gsutil/{COMPOSED}for_details_see/gsutil_help_cp/0123abcd", "image/jpeg", 9, PART),
        (f"123/gsutil/{COMPOSED}for_details_see/gsutil_help_cp/0123abcd_cat.jpg_3", None, 9, PART),
        (f"gcloud/{COMPOSED}see_gcloud_storage_cp_help_for_details/a_b_0", "image/png", 9, PART),
        (f"/gcloud/{COMPOSED}see_gcloud_storage_cp_help_for_details/a_b_0", None, 9, PART),
        (".gcsfuse_tmp/2026-11-29.tmp", None, 9, PART),
    ],
)
def test_marks_of_folders_and_parts_of_uploads_are_left_out(
    name: str, content_type: str | None, size: int, reason: str
) -> None:
    upload = Upload(Source("uploads", name, 17, size, content_type), {})

    assert plan(upload, RULES, run="v1") == Plan(left_out=reason)


@pytest.mark.parametrize(
    ("name", "content_type", "size"),
    [
        ("cat.jpg", "image/jpeg", 0),
        ("cat", None, 0),
        ("holiday_$folder$", None, 9),
        ("mygsutil/tmp/parallel_composite_uploads/cat.jpg", None, 9),
        ("gsutil/tmp/cat.jpg", None, 9),
    ],
)
def test_what_only_resembles_a_mark_or_a_part_gets_a_look(name: str, content_type: str | None, size: int) -> None:
    upload = Upload(Source("uploads", name, 17, size, content_type), {})

    assert len(plan(upload, RULES, run="v1").events) == 2


def test_every_wanted_task_gets_one_event_in_the_order_of_the_rules() -> None:
    planned = _plan()

    assert [event.task for event in planned.events] == ["caption", "detect"]
    assert {event.run for event in planned.events} == {"v1"}
    assert planned.left_out is None


def test_a_task_wanted_twice_is_done_once() -> None:
    assert [event.task for event in _plan(tasks="detect,caption,detect").events] == ["detect", "caption"]


@pytest.mark.fault(21)
@pytest.mark.parametrize(
    ("name", "content_type", "rules", "reason"),
    [
        ("a.jpg/", "image/jpeg", RULES, "a folder placeholder"),
        ("a.txt", "text/plain", RULES, "not an image by name or content type (text/plain)"),
        ("thumbnails/a.jpg", None, RULES, "excluded by a rule"),
        ("a.jpg", None, Rules(Choices(tasks=())), "no task is wanted for it"),
    ],
)
def test_what_is_left_out_says_why(name: str, content_type: str | None, rules: Rules, reason: str) -> None:
    assert _plan(name, content_type, rules) == Plan(left_out=reason)


def test_a_warning_about_metadata_comes_with_the_plan() -> None:
    planned = _plan(tasks="caption,paint")

    assert [event.task for event in planned.events] == ["caption"]
    assert len(planned.warnings) == 1


def test_settings_without_any_wish_are_the_defaults_of_the_task() -> None:
    settings = resolve_settings("caption", Choices())

    assert (settings.model, settings.thinking) == ("gemini-3.5-flash-lite", "minimal")
    assert (settings.max_items, settings.max_items_set, settings.max_bytes) == (25, False, 50_000_000)
    assert (settings.mask_threshold, settings.soft_masks) == (127, False)
    assert (settings.labels, settings.language, settings.question) == ((), None, None)


def test_every_wish_arrives_in_the_settings() -> None:
    wishes = Choices(
        for_all=TaskChoices(labels=("lion", "seal"), language="German", max_items=7, max_bytes=99, model="n"),
        for_task={
            "detect": TaskChoices(
                model="m",
                prompt="Find {subject}: {labels}, {max_items} {{}}.",
                thinking="high",
                system_instruction="You are kind.",
                media_resolution="high",
                safety={"HARM_CATEGORY_HATE_SPEECH": "OFF", "HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"},
            )
        },
    )

    assert resolve_settings("detect", wishes) == TaskSettings(
        model="m",
        prompt="Find lion, seal: lion, seal, 7 {}. Write the text of the answer in German.",
        thinking="high",
        max_items=7,
        max_bytes=99,
        labels=("lion", "seal"),
        language="German",
        system_instruction="You are kind.",
        media_resolution="high",
        safety=(("HARM_CATEGORY_HARASSMENT", "BLOCK_NONE"), ("HARM_CATEGORY_HATE_SPEECH", "OFF")),
        max_items_set=True,
    )


def test_what_a_task_does_not_take_leaves_its_settings_and_so_its_key_alone() -> None:
    wishes = Choices(for_all=TaskChoices(labels=("lion",), max_items=7, question="Why?"))

    assert resolve_settings("caption", wishes) == resolve_settings("caption", Choices())


def test_a_closed_set_is_chosen_from_by_label_and_without_one_tags_are_asked_for() -> None:
    labels = ("cat", "dog")
    one = resolve_settings("classify", _for_all(labels=labels))
    several = resolve_settings("classify", Choices(for_task={"classify": TaskChoices(labels=labels, multi_label=True)}))
    tags = resolve_settings("classify", _for_all(max_items=5))

    assert "Which one of these labels" in one.prompt
    assert "cat, dog" in one.prompt
    assert "Choose every one that does, at most 25" in several.prompt
    assert (several.multi_label, one.multi_label, tags.labels) == (True, False, ())
    assert "at most 5" in tags.prompt


def test_a_question_arrives_word_for_word_whatever_braces_it_holds() -> None:
    question = "Is {this} a {0} or {max_items}?"

    settings = resolve_settings("ask", _for_all(question=question))

    assert settings.question == question
    assert settings.prompt.endswith(f"Question: {question}")


def test_the_prompts_of_ask_and_classify_speak_of_no_single_image() -> None:
    """Several images can be asked about at once."""
    prompts = [
        resolve_settings("ask", _for_all(question="Why?")).prompt,
        resolve_settings("classify", Choices()).prompt,
        resolve_settings("classify", _for_all(labels=("a", "b"))).prompt,
    ]

    assert [prompt for prompt in prompts if "image" in prompt] == []


def test_ask_without_a_question_is_left_out_with_a_warning() -> None:
    planned = _plan(tasks="caption,ask")
    alone = _plan(tasks="ask")

    assert [event.task for event in planned.events] == ["caption"]
    assert alone.left_out == "no task that is wanted can be done"
    assert planned.warnings == alone.warnings
    assert planned.warnings == (
        "ask is left out: no question is given, by the rules or by the metadata uplook-question",
    )


def test_a_question_of_the_uploader_is_asked_beside_the_tasks_of_the_rules() -> None:
    planned = _plan(question="Why?")

    assert [(event.task, event.settings.question) for event in planned.events] == [
        ("caption", None),
        ("detect", None),
        ("ask", "Why?"),
    ]


@pytest.mark.parametrize(
    ("wish", "model", "resolution", "warning"),
    [
        ("ultra_high", "gemini-3.8-flash", "ultra_high", None),
        (
            "ultra_high",
            "gemini-2.5-flash",
            "high",
            "detect: gemini-2.5-flash takes no media_resolution ultra_high, it is high",
        ),
        ("low", "gemini-2.5-flash", "low", None),
        (None, "gemini-3.8-flash", None, None),
    ],
)
def test_a_media_resolution_that_the_model_cannot_take_becomes_its_highest_with_a_warning(
    wish: str | None, model: str, resolution: str | None, warning: str | None
) -> None:
    rules = Rules(Choices(("detect",), for_all=TaskChoices(model=model, media_resolution=wish)))

    planned = _plan(rules=rules)

    assert planned.events[0].settings.media_resolution == resolution
    assert planned.warnings == (() if warning is None else (warning,))


@pytest.mark.parametrize(
    ("model", "warnings"),
    [
        ("gemini-3.5-flash-lite", ()),
        ("gemini-3.8-flash", ("detect: gemini-3.8-flash takes no thinking level minimal, it is low",)),
        ("gemini-2.5-flash", ("detect: gemini-2.5-flash has no thinking levels, minimal is left out",)),
    ],
)
def test_a_thinking_level_that_the_model_cannot_take_is_warned_about(model: str, warnings: tuple[str, ...]) -> None:
    rules = Rules(Choices(("detect",), for_all=TaskChoices(model=model, thinking="minimal")))

    assert _plan(rules=rules).warnings == warnings


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_the_prompt_names_labels_language_and_the_most_items(task: str) -> None:
    prompt = resolve_settings(task, _for_all(labels=("lion", "seal"), language="German", max_items=7)).prompt

    assert "lion, seal in this image" in prompt
    assert "at most 7 " in prompt
    assert prompt.endswith(" Write the text of the answer in German.")


def test_without_labels_and_language_the_prompt_asks_for_everything_prominent() -> None:
    prompt = resolve_settings("detect", Choices()).prompt

    assert prompt.startswith("Detect all of the prominent objects in this image.")
    assert "Write the text" not in prompt


@pytest.mark.parametrize(
    ("model", "asks_for_polygon"),
    [("gemini-2.5-flash", False), ("gemini-3.8-flash", True), ("gemini-3.1-flash-lite", True), ("unheard-of", True)],
)
def test_masks_are_asked_for_in_the_form_the_model_can_give(model: str, *, asks_for_polygon: bool) -> None:
    prompt = resolve_settings("segment", _for_all(model=model)).prompt

    assert ("polygon" in prompt) is asks_for_polygon
    assert 'in the key "mask"' in prompt


@given(st.text("{}%\"'\\[]0aä🍋!:", min_size=1), st.text('{}%"a', min_size=1))
def test_braces_and_quotes_in_labels_and_language_arrive_as_they_are(label: str, language: str) -> None:
    prompt = resolve_settings("segment", _for_all(labels=(label, "{max_items}"), language=language)).prompt

    assert f"{label}, {{max_items}} in this image" in prompt
    assert prompt.endswith(f"in {language}.")


def _for_all(**choices: Any) -> Choices:
    return Choices(for_all=TaskChoices(**choices))


def _with(**changes: Any) -> ImageEvent:
    return dataclasses.replace(EVENT, **changes)


def _with_source(**changes: Any) -> ImageEvent:
    return _with(source=dataclasses.replace(SOURCE, **changes))


def _with_settings(**changes: Any) -> ImageEvent:
    return _with(settings=dataclasses.replace(EVENT.settings, **changes))


def test_the_key_changes_with_every_part_of_the_work() -> None:
    events = [
        EVENT,
        _with_source(bucket="uploads-2"),
        _with_source(name="cat2.jpg"),
        _with_source(generation=18),
        _with(run="v2"),
        _with(task="caption"),
        _with_settings(model="m"),
        _with_settings(prompt="p"),
        _with_settings(thinking="high"),
        _with_settings(max_items=24),
        _with_settings(max_bytes=1),
        _with_settings(labels=("cat",)),
        _with_settings(question="why?"),
        _with_settings(language="German"),
        _with_settings(multi_label=True),
        _with_settings(system_instruction="s"),
        _with_settings(media_resolution="low"),
        _with_settings(safety=(("HARM_CATEGORY_HARASSMENT", "OFF"),)),
    ]

    assert len({idempotency_key(event) for event in events}) == len(events)


def test_the_key_stays_where_the_work_is_the_same() -> None:
    events = [_with(redrive=3), _with_source(size=None), _with_source(crc32c=None), _with_source(content_type="x/y")]

    assert {idempotency_key(event) for event in events} == {idempotency_key(EVENT)}


def test_the_key_is_stable_across_releases_of_uplook() -> None:
    """Results are found again by it: a change of this constant breaks every redelivery in flight."""
    plain = dataclasses.replace(EVENT.settings, model="m", prompt="p", thinking="low", max_items=1, max_bytes=2)

    assert idempotency_key(_with(settings=plain)) == "ae825ef854574744a72ec8adbbacdf69834ffa8400cd99c615e27fae4e522087"


@pytest.mark.parametrize(
    ("task", "key"),
    [
        ("caption", "538099960bfbbfa26b7a81773aaf2e40057eb41c8a111b3e9658f1fa5ceb73e1"),
        ("detect", "e4ae6c234594597d0f6564d7a242887f7fa0c5f25fb8e949d0f5d31bbbf497f6"),
        ("segment", "778fe176d95a4e7c417888a97442241507cbe06b55fd3d41bf4238b3cce4e8c3"),
    ],
)
def test_default_settings_keep_the_key_they_had_before_there_were_more_settings(task: str, key: str) -> None:
    """A new default model or prompt is another question and changes its task's key; nothing else may."""
    event = ImageEvent(Source("b", "n", 1), task, resolve_settings(task, Choices()), "v1")

    assert idempotency_key(event) == key


def test_parts_of_the_key_cannot_run_into_each_other() -> None:
    one = _with_source(bucket="a", name='b","c')
    other = _with_source(bucket='a","b', name="c")

    assert idempotency_key(one) != idempotency_key(other)


def test_an_upload_gets_as_many_tasks_as_its_calls_have_room_for_and_is_told_of_the_others() -> None:
    rules = Rules(Choices(tasks=("caption", "detect"), max_calls=5))

    planned = _plan(rules=rules, tasks="segment, read, caption")

    assert [event.task for event in planned.events] == ["segment", "read"]
    assert planned.warnings == (
        "caption: left out, the rules allow an upload 5 model calls (max_calls), and a task may take 2",
    )


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (Choices(uploader_settings=("labels",)), "the rules leave no question to uploads (uploader_settings)"),
        (Choices(uploader_tasks=("caption",)), "the rules leave ask to no upload (uploader_tasks)"),
        (Choices(tasks=("caption", "ask"), uploader_tasks=()), None),  # the rules ask there anyway
        (Choices(uploader_tasks=("ask",), uploader_settings=("question",)), None),
    ],
)
def test_a_manifest_is_left_out_where_no_upload_may_ask(bounds: Choices, reason: str | None) -> None:
    planned = _plan("a.uplook.json", "application/json", Rules(bounds))

    assert planned.left_out == reason
    assert len(planned.events) == (reason is None)
