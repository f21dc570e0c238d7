"""Why an upload gets what it gets: the explanation says what ingest does, and who decided it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.events.envelopes import Upload
from shared.core.planning.explain import Explanation, TaskPlan, explain
from shared.core.planning.plan import plan
from shared.core.planning.rules import parse_rules
from shared.core.tasks.catalogue import TASKS
from shared.core.values import Source
from tests.rig import SERVICE

RULES = parse_rules("""
[defaults]
tasks = ["caption", "detect"]
language = "English"
[defaults.detect]
labels = ["lion"]
max_items = 10

[[rules]]
prefix = "zoo/"
tasks = ["caption", "detect", "classify", "ask"]
language = "German"
[rules.classify]
labels = ["lion", "seal"]
multi_label = true
[rules.ask.safety]
HARM_CATEGORY_HARASSMENT = "OFF"

[[rules]]
prefix = "zoo/old/"
exclude = true
""")


def _explained(name: str = "cat.jpg", content_type: str | None = None, **metadata: str) -> Explanation:
    keys = {f"uplook-{key.replace('_', '-')}": value for key, value in metadata.items()}
    return explain(Upload(Source("uploads", name, 1, content_type=content_type), keys), RULES, SERVICE)


def _task(explained: Explanation, task: str) -> TaskPlan:
    return next(each for each in explained.tasks if each.task == task)


def _places(explained: Explanation, task: str) -> dict[str, tuple[str, str]]:
    return {one.setting: (one.value, one.place) for one in _task(explained, task).decisions if one.setting != "prompt"}


def test_every_setting_names_the_place_that_decided_it() -> None:
    explained = _explained("zoo/1.jpg", max_items="3")

    assert explained.places == ("defaults", "rules[0]", "metadata")
    assert _places(explained, "detect") == {
        "model": ("gemini-3.8-flash", "default"),
        "thinking": ("low", "default"),
        "language": ("German", "rules[0].language"),
        "max_bytes": ("50000000", "default"),
        "labels": ("lion", "defaults.detect.labels"),
        "max_items": ("3", "metadata.detect.max_items"),
    }
    assert _places(explained, "classify")["multi_label"] == ("true", "rules[0].classify.multi_label")


def test_thinking_is_shown_as_the_model_will_be_asked() -> None:
    rules = parse_rules("""
    [defaults]
    tasks = ["caption", "detect"]
    [defaults.caption]
    model = "gemini-3.8-flash"
    [defaults.detect]
    model = "gemini-2.5-flash-lite"
    """)

    explained = explain(Upload(Source("uploads", "cat.jpg", 1), {}), rules, SERVICE)

    assert _places(explained, "caption")["thinking"] == ("low (minimal is not among low, medium, high)", "default")
    assert _places(explained, "detect")["thinking"] == ("budget 0", "default")
    assert explained.warnings == ()


@pytest.mark.parametrize(
    ("source", "warning"),
    [
        (Source("uploads", "cat.jpg", 1, size=2000), "segment: it has 2,000 bytes, and max_bytes is 1,000"),
        (Source("uploads", "cat.jpg", 1, size=1000), "segment: gemini-3.1-flash-lite is not known to give masks"),
    ],
)
def test_what_a_worker_will_not_manage_is_told_beforehand(source: Source, warning: str) -> None:
    rules = parse_rules("""
    [defaults]
    tasks = ["caption"]
    max_bytes = 1000
    [defaults.segment]
    model = "gemini-3.1-flash-lite"
    """)

    explained = explain(Upload(source, {"uplook-tasks": "segment"}), rules, SERVICE)

    assert warning in explained.warnings[0]


def test_a_task_that_is_not_done_says_why() -> None:
    explained = _explained("zoo/1.jpg")

    assert _task(explained, "segment").left_out == "not among the tasks wanted (rules[0].tasks)"
    assert _task(explained, "ask").left_out == ("no question is given, by the rules or by the metadata uplook-question")
    assert explained.left_out is None


def test_a_question_of_the_uploader_is_named_as_such() -> None:
    explained = _explained("zoo/1.jpg", question="Is it awake?")

    assert _places(explained, "ask")["question"] == ("Is it awake?", "metadata.question")
    assert _places(explained, "ask")["safety"] == ("HARM_CATEGORY_HARASSMENT=OFF", "rules[0].ask.safety")


def test_a_manifest_is_a_question_whatever_tasks_images_get() -> None:
    explained = _explained("zoo/which.uplook.json")

    assert [each.task for each in explained.tasks if each.left_out is None] == ["ask"]
    assert _task(explained, "caption").left_out == "a manifest is a question: it gets the task ask, and no other"


@pytest.mark.parametrize(
    ("name", "content_type", "reason"),
    [
        ("zoo/old/1.jpg", None, "excluded by a rule (rules[1].exclude)"),
        ("zoo/old/1.txt", "text/plain", "not an image by name or content type (text/plain)"),
        ("zoo/", None, "a folder placeholder"),
    ],
)
def test_what_is_left_out_says_why_and_by_whom(name: str, content_type: str | None, reason: str) -> None:
    assert _explained(name, content_type).left_out == reason


@given(
    st.sampled_from(["cat.jpg", "zoo/1.jpg", "zoo/old/1.jpg", "zoo/1.txt", "zoo/a.uplook.json", "a/"]),
    st.dictionaries(
        st.sampled_from(["uplook-tasks", "uplook-question", "uplook-labels", "uplook-max-items", "uplook-x"]),
        st.sampled_from(["", "ask", "caption,segment", "5", "1000", "paint"]),
    ),
)
def test_the_explanation_never_departs_from_the_plan(name: str, metadata: dict[str, str]) -> None:
    upload = Upload(Source("uploads", name, 1), metadata)
    planned, explained = plan(upload, RULES, run="v1"), explain(upload, RULES, SERVICE)

    assert [each.task for each in explained.tasks] == list(TASKS)
    assert {each.task for each in explained.tasks if each.left_out is None} == {event.task for event in planned.events}
    assert (explained.left_out is None) is (planned.left_out is None)
    assert explained.warnings == planned.warnings
    for event in planned.events:
        for setting, (value, place) in _places(explained, event.task).items():
            if setting in {"model", "thinking", "question"}:
                assert value == getattr(event.settings, setting)
            assert place == "default" or place.split(".")[0] in explained.places
