"""Task rules: who has the last word, and what a rules file may say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import config
from shared.core.delivery.budget import Ceiling, Scope
from shared.core.errors import SettingsError
from shared.core.planning.choices import SETTINGS, Choices, TaskChoices
from shared.core.planning.metadata import SETTINGS as METADATA_SETTINGS
from shared.core.planning.rules import Rule, Rules, parse_rules
from shared.core.tasks.catalogue import TASKS

RULES = parse_rules("""
[defaults]
tasks = ["caption", "detect", "segment"]
language = "English"
[defaults.caption]
model = "model-a"
[defaults.detect]
model = "model-a"
language = "Italian"

[[rules]]
prefix = "receipts/"
tasks = ["caption"]
language = "German"
[rules.caption]
model = "model-b"

[[rules]]
bucket = "zoo"
labels = ["lion", "seal"]

[[rules]]
prefix = "receipts/old/"
exclude = true
""")

TASK_NAMES = ", ".join(TASKS)
GENERAL = (
    "tasks, exclude, uploader_tasks, uploader_settings, max_calls, together, lane, model, thinking,"
    " temperature, system_instruction, media_resolution, safety, language, max_bytes, labels,"
    f" max_items, question, mask_threshold, soft_masks, crops, or a task's table ({TASK_NAMES})"
)

_word = st.text("abc", min_size=1, max_size=3)
_task_choices = st.builds(
    TaskChoices,
    model=st.none() | _word,
    prompt=st.none() | _word,
    safety=st.none() | st.dictionaries(_word, _word, max_size=2),
    labels=st.none() | st.lists(_word, max_size=2).map(tuple),
    multi_label=st.none() | st.booleans(),
    language=st.none() | _word,
    max_items=st.none() | st.integers(1, 9),
)
choices = st.builds(
    Choices,
    tasks=st.none() | st.lists(st.sampled_from(list(TASKS)), max_size=3).map(tuple),
    exclude=st.none() | st.booleans(),
    for_all=_task_choices,
    for_task=st.dictionaries(st.sampled_from(list(TASKS)), _task_choices, max_size=3),
    uploader_tasks=st.none() | st.lists(st.sampled_from(list(TASKS)), max_size=3).map(tuple),
    uploader_settings=st.none() | st.lists(st.sampled_from(METADATA_SETTINGS), max_size=3).map(tuple),
    max_calls=st.none() | st.integers(2, 20),
)


def _problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_rules(text)
    return str(caught.value).split("\n  - ")[1:]


def test_without_a_matching_rule_the_defaults_hold() -> None:
    chosen, warnings = RULES.choices_for("uploads", "cat.jpg", {})

    assert chosen.tasks == ("caption", "detect", "segment")
    assert (chosen.for_all.language, chosen.for_all.labels, chosen.exclude) == ("English", None, None)
    assert warnings == ()


def test_a_rule_speaks_for_its_prefix_and_keeps_what_it_does_not_mention() -> None:
    chosen, _ = RULES.choices_for("uploads", "receipts/1.jpg", {})

    assert (chosen.tasks, chosen.of("caption").language) == (("caption",), "German")
    assert (chosen.of("caption").model, chosen.of("detect").model) == ("model-b", "model-a")


def test_the_table_of_a_task_wins_over_what_is_said_for_all_beside_it() -> None:
    chosen, _ = RULES.choices_for("uploads", "cat.jpg", {})

    assert (chosen.of("detect").language, chosen.of("caption").language) == ("Italian", "English")


def test_a_later_rule_for_all_tasks_wins_over_an_earlier_one_for_a_task() -> None:
    chosen, _ = RULES.choices_for("uploads", "receipts/1.jpg", {})

    assert chosen.of("detect").language == "German"


def test_every_model_that_is_named_is_told_with_its_place() -> None:
    assert list(RULES.models()) == [
        ("defaults.caption.model", "model-a", ("caption",)),
        ("defaults.detect.model", "model-a", ("detect",)),
        ("rules[0].caption.model", "model-b", ("caption",)),
    ]


def test_a_rule_for_a_bucket_leaves_other_buckets_alone() -> None:
    assert RULES.choices_for("zoo", "1.jpg", {})[0].for_all.labels == ("lion", "seal")
    assert RULES.choices_for("zoo-2", "1.jpg", {})[0].for_all.labels is None


def test_the_last_matching_rule_wins() -> None:
    assert RULES.choices_for("uploads", "receipts/old/1.jpg", {})[0].exclude is True
    assert RULES.choices_for("uploads", "receipts/older/1.jpg", {})[0].exclude is None


def test_the_object_itself_has_the_last_word() -> None:
    metadata = {"uplook-tasks": "detect, segment", "uplook-labels": "seal, ", "uplook-language": " French "}

    chosen, warnings = RULES.choices_for("zoo", "receipts/1.jpg", metadata)

    assert (chosen.tasks, chosen.of("detect").labels) == (("detect", "segment"), ("seal",))
    assert (chosen.of("detect").language, chosen.of("segment").language) == ("French", "French")
    assert warnings == ()


def test_metadata_keys_and_task_names_may_be_in_any_case() -> None:
    chosen, warnings = RULES.choices_for("uploads", "cat.jpg", {"Uplook-Tasks": "Caption"})

    assert (chosen.tasks, warnings) == (("caption",), ())


def test_metadata_of_others_is_none_of_our_business() -> None:
    metadata = {"camera": "x", "tasks": "caption", "my-uplook-tasks": "caption", "goog-reserved-file-mtime": "1"}

    chosen, warnings = RULES.choices_for("uploads", "cat.jpg", metadata)

    assert (chosen, warnings) == (RULES.defaults, ())


def test_unknown_tasks_in_metadata_are_warned_about_and_the_known_ones_kept() -> None:
    chosen, warnings = RULES.choices_for("uploads", "cat.jpg", {"uplook-tasks": "caption,paint"})

    assert chosen.tasks == ("caption",)
    assert warnings == (f"metadata uplook-tasks: expected some of {TASK_NAMES}, found 'caption,paint'",)


@pytest.mark.parametrize("value", ["", " ", ",", " , ", "paint"])
def test_metadata_without_any_known_task_is_ignored_with_a_warning(value: str) -> None:
    """A slip of the uploader must not look like a wish for nothing at all."""
    chosen, (warning,) = RULES.choices_for("uploads", "cat.jpg", {"uplook-tasks": value})

    assert chosen.tasks == ("caption", "detect", "segment")
    assert "uplook-tasks" in warning


@pytest.mark.parametrize("key", ["uplook-labels", "uplook-language"])
def test_blank_metadata_is_ignored_with_a_warning(key: str) -> None:
    chosen, (warning,) = RULES.choices_for("zoo", "cat.jpg", {key: " "})

    assert (chosen.for_all.labels, chosen.for_all.language) == (("lion", "seal"), "English")
    assert key in warning


def test_a_misspelled_key_of_ours_is_warned_about() -> None:
    chosen, warnings = RULES.choices_for("uploads", "cat.jpg", {"uplook-task": "caption"})

    assert chosen == RULES.defaults
    assert warnings == (
        (
            "metadata uplook-task: expected a key among uplook-tasks, uplook-labels, uplook-question, uplook-language,"
            " uplook-max-items, uplook-mask-threshold, uplook-soft-masks, uplook-crops,"
            " uplook-together, found 'caption'"
        ),
    )


def test_a_question_alone_turns_the_task_ask_on() -> None:
    chosen, warnings = RULES.choices_for("uploads", "cat.jpg", {"uplook-question": " Whose cat is it? "})

    assert chosen.tasks == ("caption", "detect", "segment", "ask")
    assert (chosen.of("ask").question, warnings) == ("Whose cat is it?", ())


def test_beside_a_list_of_tasks_a_question_turns_nothing_on() -> None:
    asked, none = RULES.choices_for("uploads", "1.jpg", {"uplook-question": "Why?", "uplook-tasks": "ask"})
    unasked, (warning,) = RULES.choices_for("uploads", "1.jpg", {"uplook-question": "Why?", "uplook-tasks": "detect"})

    assert (asked.tasks, none) == (("ask",), ())
    assert unasked.tasks == ("detect",)
    assert warning == "metadata uplook-question: not asked, because ask is not among uplook-tasks"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("uplook-question", "?" * 2001),
        ("uplook-language", "x" * 61),
        ("uplook-labels", ",".join(map(str, range(201)))),
        ("uplook-labels", "x" * 201),
        ("uplook-max-items", "-1"),
        ("uplook-mask-threshold", "255"),
        ("uplook-mask-threshold", "0.5"),
        ("uplook-soft-masks", "yes"),
        ("uplook-crops", "1"),
        ("uplook-max-items", "many"),
        ("uplook-max-items", "²"),
        ("uplook-max-items", "9" * 5000),
        ("uplook-model", "gemini-4-argon"),
        ("uplook-prompt", "Say yes."),
        ("uplook-safety", "OFF"),
        ("uplook-max-bytes", "1"),
    ],
)
def test_metadata_beyond_what_an_uploader_may_say_is_ignored_with_a_warning(key: str, value: str) -> None:
    chosen, (warning,) = RULES.choices_for("uploads", "cat.jpg", {key: value})

    assert chosen == RULES.choices_for("uploads", "cat.jpg", {})[0]
    assert key in warning
    assert len(warning) < 500


def test_an_uploader_may_want_fewer_items_and_not_more_than_the_rules_allow() -> None:
    rules = parse_rules("[defaults]\nmax_items = 40\n[defaults.segment]\nmax_items = 10")

    few, fine = rules.choices_for("uploads", "cat.jpg", {"uplook-max-items": "5"})
    many, (warning,) = rules.choices_for("uploads", "cat.jpg", {"uplook-max-items": "1000"})

    assert (few.of("detect").max_items, few.of("segment").max_items, fine) == (5, 5, ())
    assert (many.of("detect").max_items, many.of("segment").max_items) == (40, 10)
    assert warning == "metadata uplook-max-items: the rules allow 10 items, 1000 are wanted"


@given(choices, choices, choices)
def test_laying_choices_over_each_other_is_associative(one: Choices, two: Choices, three: Choices) -> None:
    assert one.overlaid(two).overlaid(three) == one.overlaid(two.overlaid(three))


@given(choices)
def test_choices_that_say_nothing_change_nothing(one: Choices) -> None:
    assert one.overlaid(Choices()) == one == Choices().overlaid(one)


@given(choices, st.lists(st.tuples(st.sampled_from(["", "a", "ab", "b"]), choices), max_size=4))
def test_rules_are_their_choices_in_order(defaults: Choices, pairs: list[tuple[str, Choices]]) -> None:
    expected = defaults
    for prefix, one in pairs:
        expected = expected.overlaid(one) if "ab/cat.jpg".startswith(prefix) else expected

    rules = Rules(defaults, tuple(Rule(None, prefix, one) for prefix, one in pairs))

    assert rules.choices_for("uploads", "ab/cat.jpg", {})[0] == expected


def test_the_shipped_file_turns_on_captions_boxes_and_masks() -> None:
    shipped = Path(config.__file__).with_name("rules.toml").read_text(encoding="utf-8")

    assert parse_rules(shipped) == Rules(
        Choices(("caption", "detect", "segment"), for_all=TaskChoices(max_bytes=50_000_000))
    )


def test_the_example_in_the_shipped_file_works_when_it_is_uncommented() -> None:
    shipped = Path(config.__file__).with_name("rules.toml").read_text(encoding="utf-8")
    example = shipped[shipped.index("# [[rules]]") :]
    uncommented = "\n".join(line.removeprefix("#").strip() for line in example.splitlines())

    first, second = parse_rules(uncommented).rules

    assert (first.bucket, first.prefix, first.choices.for_all.language) == ("my-uploads", "receipts/", "German")
    assert first.choices.of("ask").media_resolution == "ultra_high"
    assert second == Rule(None, "thumbnails/", Choices(exclude=True))


def test_every_setting_and_every_metadata_key_is_explained_where_people_look() -> None:
    shipped = Path(config.__file__).with_name("rules.toml").read_text(encoding="utf-8")
    page = (Path(config.__file__).parents[1] / "docs" / "tasks.md").read_text(encoding="utf-8")
    settings = {*SETTINGS, "tasks", "exclude"}
    placeholders = {f"{{{name}}}" for task in TASKS.values() for name in task.placeholders}
    expected = RULES.choices_for("uploads", "cat.jpg", {"uplook-": "x"})[1][0].split("among ")[1].split(", found")[0]

    assert [name for name in sorted(settings) if f"`{name}`" not in page or name not in shipped] == []
    assert [name for name in sorted(placeholders) if f"`{name}`" not in page or name not in shipped] == []
    assert [key for key in expected.split(", ") if f"`{key}`" not in page or key not in shipped] == []


def test_an_empty_file_wants_nothing() -> None:
    assert parse_rules("") == Rules(Choices())


@pytest.mark.fault(115)
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour = 1", "colour: expected [defaults], [[rules]] and [[budgets]] only"),
        ("defaults = 5", "defaults: expected a table, found 5"),
        ("rules = 5", "rules: expected [[rules]], in double brackets"),
        ("[rules]\nprefix = 'a'", "rules: expected [[rules]], in double brackets"),
        ("rules = ['a']", "rules[0]: expected a table, found 'a'"),
        ("[defaults]\nbucket = 'a'", f"defaults.bucket: expected one of {GENERAL}"),
        ("[[rules]]\nprefix = 1", "rules[0].prefix: expected a text, found 1"),
        ("[[rules]]\nbucket = ['a']", "rules[0].bucket: expected a text, found ['a']"),
        ("[[rules]]\nprefx = 'a'", f"rules[0].prefx: expected one of bucket, prefix, {GENERAL}"),
        ("[defaults]\nprompt = 'a'", f"defaults.prompt: expected one of {GENERAL}"),
        (
            "[defaults]\ntasks = ['paint']",
            f"defaults.tasks: expected a list of some of {TASK_NAMES}, found ['paint']",
        ),
        (
            "[defaults]\ntasks = [['caption']]",
            f"defaults.tasks: expected a list of some of {TASK_NAMES}, found [['caption']]",
        ),
        (
            "[defaults]\ntasks = 'caption'",
            f"defaults.tasks: expected a list of some of {TASK_NAMES}, found 'caption'",
        ),
        ("[defaults]\nexclude = 'yes'", "defaults.exclude: expected true or false, found 'yes'"),
        ("[defaults]\nlabels = ['']", "defaults.labels: expected a list of texts, found ['']"),
        ("[defaults]\nlabels = [1]", "defaults.labels: expected a list of texts, found [1]"),
        ("[defaults]\nlanguage = ' '", "defaults.language: expected a text, found ' '"),
        ("[defaults]\nmax_items = 0", "defaults.max_items: expected a whole number from 1 to 500, found 0"),
        ("[defaults]\nmax_items = 501", "defaults.max_items: expected a whole number from 1 to 500, found 501"),
        ("[defaults]\nmax_items = true", "defaults.max_items: expected a whole number from 1 to 500, found True"),
        (
            "[defaults]\nmask_threshold = 255",
            "defaults.mask_threshold: expected a whole number from 0 to 254, found 255",
        ),
        ("[defaults]\nsoft_masks = 1", "defaults.soft_masks: expected true or false, found 1"),
        ("[defaults]\nmax_bytes = 1e6", "defaults.max_bytes: expected a whole number above 0, found 1000000.0"),
        ("[defaults]\nlabels = ['a', 'a']", "defaults.labels: expected a list of different texts, found ['a', 'a']"),
        ("[defaults]\nquestion = ''", "defaults.question: expected a text, found ''"),
        ("[defaults]\nmodel = 3", "defaults.model: expected a text, found 3"),
        (
            "[defaults]\nthinking = 'none'",
            "defaults.thinking: expected one of minimal, low, medium, high, xhigh, found 'none'",
        ),
        (
            "[defaults]\nthinking = ['low']",
            "defaults.thinking: expected one of minimal, low, medium, high, xhigh, found ['low']",
        ),
        (
            "[defaults]\nmedia_resolution = 'ultra-high'",
            "defaults.media_resolution: expected one of low, medium, high, ultra_high, found 'ultra-high'",
        ),
        (
            "[defaults.safety]\nHARM_CATEGORY_HARASSMENT = 'BLOCK_ALL'",
            (
                "defaults.safety: expected thresholds among BLOCK_LOW_AND_ABOVE, BLOCK_MEDIUM_AND_ABOVE,"
                " BLOCK_ONLY_HIGH, BLOCK_NONE, OFF, found {'HARM_CATEGORY_HARASSMENT': 'BLOCK_ALL'}"
            ),
        ),
        (
            "[defaults.ask.safety]\nHARASSMENT = 'OFF'",
            (
                "defaults.ask.safety: expected a table of categories among HARM_CATEGORY_HARASSMENT,"
                " HARM_CATEGORY_HATE_SPEECH, HARM_CATEGORY_SEXUALLY_EXPLICIT, HARM_CATEGORY_DANGEROUS_CONTENT,"
                " HARM_CATEGORY_CIVIC_INTEGRITY, found {'HARASSMENT': 'OFF'}"
            ),
        ),
        (
            "[defaults]\ndetect = 'm'",
            "defaults.detect: expected a table of settings for this task, found 'm'",
        ),
        (
            "[[rules]]\n[rules.caption]\nlabels = ['a']",
            (
                "rules[0].caption.labels: expected one of prompt, model, thinking, temperature, system_instruction,"
                " media_resolution, safety, language, max_bytes"
            ),
        ),
        ("[defaults.classify]\nmulti_label = 1", "defaults.classify.multi_label: expected true or false, found 1"),
        ("[defaults.caption]\nprompt = ' '", "defaults.caption.prompt: expected a text, found ' '"),
        (
            "[defaults.caption]\nprompt = 'What? {labels}'",
            (
                "defaults.caption.prompt: expected a text with no placeholder, and other braces doubled: {{ }},"
                " found 'What? {labels}'"
            ),
        ),
        (
            "[[rules]]\n[rules.detect]\nprompt = 'Find {subject!r}'",
            (
                "rules[0].detect.prompt: expected a text with the placeholders {subject}, {labels}, {max_items}, and"
                " other braces doubled: {{ }}, found 'Find {subject!r}'"
            ),
        ),
        (
            "[[rules]]\n[rules.detect]\nprompt = 'Answer as {'",
            (
                "rules[0].detect.prompt: expected a text with the placeholders {subject}, {labels}, {max_items}, and"
                " other braces doubled: {{ }}, found 'Answer as {'"
            ),
        ),
        (
            "[defaults.ask]\nprompt = 'Answer!'",
            "defaults.ask.prompt: expected a text with the placeholder {question} in it, found 'Answer!'",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_place(text: str, problem: str) -> None:
    assert _problems(text) == [problem]


def test_all_mistakes_are_reported_at_once() -> None:
    text = (
        "colour = 1\n[defaults]\nmax_items = 0\n[defaults.ask]\nprompt = ''\n[[rules]]\nprefix = 1\n"
        "[[rules]]\nexclude = 1\ntask = 2"
    )

    assert [line.split(":")[0] for line in _problems(text)] == [
        "colour",
        "defaults.max_items",
        "defaults.ask.prompt",
        "rules[0].prefix",
        "rules[1].exclude",
        "rules[1].task",
    ]


def test_what_is_no_toml_says_where() -> None:
    with pytest.raises(SettingsError, match=r"not TOML: .*line 2"):
        parse_rules("[defaults]\ntasks = caption")


def test_an_uploader_may_set_how_masks_are_cut_also_to_0_and_to_false() -> None:
    rules = parse_rules("[defaults.segment]\nmask_threshold = 200\nsoft_masks = true")
    own = {"uplook-mask-threshold": "0", "uplook-soft-masks": "False"}
    choices, warnings = rules.choices_for("uploads", "cat.jpg", own)
    assert (choices.of("segment").mask_threshold, choices.of("segment").soft_masks, warnings) == (0, False, ())


# What uploads may cause


BOUNDED = parse_rules("""
[defaults]
tasks = ["caption"]
uploader_tasks = ["classify"]
uploader_settings = ["labels", "language"]

[[rules]]
prefix = "open/"
uploader_tasks = ["classify", "ask"]
uploader_settings = ["question"]
""")


@pytest.mark.fault(146)
@pytest.mark.parametrize(
    ("metadata", "tasks", "warning"),
    [
        ({"uplook-tasks": "classify"}, ("classify",), None),
        ({"uplook-tasks": "caption,classify"}, ("caption", "classify"), None),  # what the rules want anyway is free
        (
            {"uplook-tasks": "segment,read,classify"},
            ("classify",),
            "metadata uplook-tasks: the rules do not leave segment, read to uploads (uploader_tasks)",
        ),
        (
            {"uplook-tasks": "segment"},
            ("caption",),
            "metadata uplook-tasks: the rules do not leave segment to uploads (uploader_tasks)",
        ),
        (
            {"uplook-question": "Who?"},
            ("caption",),
            "metadata uplook-question: the rules do not leave it to uploads (uploader_settings)",
        ),
        (
            {"uplook-max-items": "9"},
            ("caption",),
            "metadata uplook-max-items: the rules do not leave it to uploads (uploader_settings)",
        ),
    ],
)
def test_an_uploader_chooses_among_what_the_rules_leave_to_uploads(
    metadata: dict[str, str], tasks: tuple[str, ...], warning: str | None
) -> None:
    chosen, warnings = BOUNDED.choices_for("uploads", "cat.jpg", metadata)

    assert chosen.tasks == tasks
    assert chosen.for_all.question is None
    assert chosen.for_all.max_items is None
    assert warnings == (() if warning is None else (warning,))


def test_bounds_are_those_of_the_objects_own_place() -> None:
    asked, warnings = BOUNDED.choices_for("uploads", "open/cat.jpg", {"uplook-question": "Who?"})
    labelled, (warning,) = BOUNDED.choices_for("uploads", "open/cat.jpg", {"uplook-labels": "cat"})

    assert (asked.tasks, asked.of("ask").question, warnings) == (("caption", "ask"), "Who?", ())
    assert labelled.of("classify").labels is None
    assert "uplook-labels" in warning


def test_a_question_is_not_asked_where_uploads_may_set_it_and_not_have_the_task() -> None:
    rules = parse_rules('[defaults]\ntasks = ["caption"]\nuploader_tasks = []')

    chosen, (warning,) = rules.choices_for("uploads", "cat.jpg", {"uplook-question": "Who?"})

    assert chosen.tasks == ("caption",)
    assert warning == "metadata uplook-question: not asked, because the rules leave ask to no upload"


def _said(of: Choices, setting: str) -> list[object]:
    """Return what choices say of a setting: for the object as a whole, or task by task."""
    return [getattr(of, setting)] if setting == "together" else [getattr(of.of(task), setting) for task in TASKS]


_metadata = st.dictionaries(
    st.sampled_from([f"uplook-{name.replace('_', '-')}" for name in ("tasks", *METADATA_SETTINGS)]),
    st.sampled_from(["ask", "caption, segment", ", ".join(TASKS), "5", "true", "200"]),
)


@pytest.mark.fault(146)
@given(choices, _metadata)
def test_no_metadata_gets_an_upload_what_the_rules_do_not_leave_to_it(
    defaults: Choices, metadata: dict[str, str]
) -> None:
    """A family: whatever the rules are and whatever is said, within their tasks and settings."""
    chosen, _ = Rules(defaults).choices_for("uploads", "cat.jpg", metadata)

    beyond = set(chosen.tasks or ()) - set(defaults.tasks or ())
    assert defaults.uploader_tasks is None or beyond <= set(defaults.uploader_tasks)
    for setting in METADATA_SETTINGS:
        if defaults.uploader_settings is not None and setting not in defaults.uploader_settings:
            assert _said(chosen, setting) == _said(defaults, setting)
    assert (chosen.uploader_tasks, chosen.uploader_settings, chosen.max_calls, chosen.exclude) == (
        defaults.uploader_tasks,
        defaults.uploader_settings,
        defaults.max_calls,
        defaults.exclude,
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('uploader_tasks = ["paint"]', "uploader_tasks: expected a list of some of ask, caption"),
        ('uploader_settings = ["model"]', "uploader_settings: expected a list of some of labels, question, language"),
        ("max_calls = 1", "max_calls: expected a whole number from 2: a task may call the model 2 times, found 1"),
        ("max_calls = true", "max_calls: expected a whole number from 2"),
    ],
)
def test_bounds_that_make_no_sense_are_reported(line: str, problem: str) -> None:
    (found,) = _problems(f"[defaults]\n{line}")

    assert found.startswith(f"defaults.{problem}")


def test_bounds_are_said_of_an_object_and_not_of_a_task() -> None:
    (found,) = _problems("[defaults.caption]\nmax_calls = 4")

    assert found.startswith("defaults.caption.max_calls: expected one of")


_BUDGETS = """
[[budgets]]
bucket = "uploads"
prefix = "tenant-a/"
max_calls_per_day = 500
max_usd_per_day = 2

[[budgets]]
prefix = "tenant-a/trial/"
max_calls_per_day = 10
"""


def test_an_upload_counts_for_every_budget_that_it_lies_below() -> None:
    rules = parse_rules(_BUDGETS)

    whole, trial = rules.budgets
    assert (whole.calls, whole.usd, whole.words) == (500, 2.0, "500 calls or 2 dollars")
    assert (trial.calls, trial.usd, trial.scope) == (10, None, Scope(None, "tenant-a/trial/"))
    assert rules.budgets_for("uploads", "tenant-a/trial/1.jpg") == (whole, trial)
    assert rules.budgets_for("uploads", "tenant-a/1.jpg") == (whole,)
    assert rules.budgets_for("elsewhere", "tenant-a/trial/1.jpg") == (trial,)
    assert rules.budgets_for("uploads", "tenant-b/1.jpg") == ()


def test_no_two_budgets_and_no_ceiling_share_a_pool() -> None:
    same = [Ceiling(5, 1.0, scope) for scope in (None, Scope("a"), Scope("b"), Scope("a", "x/"), Scope(None, "a/x/"))]

    assert len({each.name for each in same}) == len(same)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("prefix = 'a/'", "budgets[0]: expected max_calls_per_day or max_usd_per_day, found neither"),
        (
            "max_calls_per_day = 5",
            "budgets[0]: expected a bucket or a prefix, found neither: what all uploads may cost",
        ),
        ("prefix = 7\nmax_calls_per_day = 5", "budgets[0].prefix: expected a text, found 7"),
        ("bucket = 'a'\nmax_calls_per_day = 1.5", "budgets[0].max_calls_per_day: expected a whole number above 0"),
        ("bucket = 'a'\nmax_calls_per_day = true", "budgets[0].max_calls_per_day: expected a whole number above 0"),
        ("bucket = 'a'\nmax_usd_per_day = 0", "budgets[0].max_usd_per_day: expected a number above 0, found 0"),
        ("bucket = 'a'\nmax_usd_per_day = inf", "budgets[0].max_usd_per_day: expected a number above 0, found inf"),
        ("bucket = 'a'\nmax_usd = 1\nmax_calls_per_day = 5", "budgets[0].max_usd: expected one of bucket, prefix"),
    ],
)
def test_a_budget_that_makes_no_sense_is_reported_with_its_place(table: str, problem: str) -> None:
    [found] = _problems(f"[[budgets]]\n{table}")
    assert found.startswith(problem)


def test_a_second_budget_for_the_same_uploads_is_a_mistake() -> None:
    one = "[[budgets]]\nprefix = 'a/'\nmax_calls_per_day = 5\n"
    assert _problems(one + one) == ["budgets[1]: expected one budget for each bucket and prefix, found a second one"]
    assert _problems("budgets = 5") == ["budgets: expected [[budgets]], in double brackets"]
    assert _problems("budgets = [5]") == ["budgets[0]: expected a table, found 5"]
