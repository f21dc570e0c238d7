"""Task rules: who has the last word, and what a rules file may say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import config
from shared.core.errors import SettingsError
from shared.core.rules import Choices, Rule, Rules, parse_rules
from shared.core.tasks import TASKS

RULES = parse_rules("""
[defaults]
tasks = ["caption", "detect", "segment"]
language = "English"
[defaults.models]
caption = "model-a"
detect = "model-a"

[[rules]]
prefix = "receipts/"
tasks = ["caption"]
language = "German"
[rules.models]
caption = "model-b"

[[rules]]
bucket = "zoo"
labels = ["lion", "seal"]

[[rules]]
prefix = "receipts/old/"
exclude = true
""")

_word = st.text("abc", min_size=1, max_size=3)
choices = st.builds(
    Choices,
    tasks=st.none() | st.lists(st.sampled_from(list(TASKS)), max_size=3).map(tuple),
    exclude=st.none() | st.booleans(),
    labels=st.none() | st.lists(_word, max_size=2).map(tuple),
    language=st.none() | _word,
    max_items=st.none() | st.integers(1, 9),
    max_bytes=st.none() | st.integers(1, 9),
    models=st.none() | st.dictionaries(st.sampled_from(list(TASKS)), _word, max_size=3),
)


def _problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_rules(text)
    return str(caught.value).split("\n  - ")[1:]


def test_without_a_matching_rule_the_defaults_hold() -> None:
    chosen, warnings = RULES.choices_for("uploads", "cat.jpg", {})

    assert chosen.tasks == ("caption", "detect", "segment")
    assert (chosen.language, chosen.labels, chosen.exclude) == ("English", None, None)
    assert warnings == ()


def test_a_rule_speaks_for_its_prefix_and_keeps_what_it_does_not_mention() -> None:
    chosen, _ = RULES.choices_for("uploads", "receipts/1.jpg", {})

    assert (chosen.tasks, chosen.language, chosen.max_items) == (("caption",), "German", 25)
    assert chosen.models == {"caption": "model-b", "detect": "model-a"}


def test_a_rule_for_a_bucket_leaves_other_buckets_alone() -> None:
    assert RULES.choices_for("zoo", "1.jpg", {})[0].labels == ("lion", "seal")
    assert RULES.choices_for("zoo-2", "1.jpg", {})[0].labels is None


def test_the_last_matching_rule_wins() -> None:
    assert RULES.choices_for("uploads", "receipts/old/1.jpg", {})[0].exclude is True
    assert RULES.choices_for("uploads", "receipts/older/1.jpg", {})[0].exclude is None


def test_the_object_itself_has_the_last_word() -> None:
    metadata = {"uplook-tasks": "detect, segment", "uplook-labels": "seal, ", "uplook-language": " French "}

    chosen, warnings = RULES.choices_for("zoo", "receipts/1.jpg", metadata)

    assert (chosen.tasks, chosen.labels, chosen.language) == (("detect", "segment"), ("seal",), "French")
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
    assert warnings == ("metadata uplook-tasks: expected some of caption, detect, segment, found 'caption,paint'",)


@pytest.mark.parametrize("value", ["", " ", ",", " , ", "paint"])
def test_metadata_without_any_known_task_is_ignored_with_a_warning(value: str) -> None:
    """A slip of the uploader must not look like a wish for nothing at all."""
    chosen, (warning,) = RULES.choices_for("uploads", "cat.jpg", {"uplook-tasks": value})

    assert chosen.tasks == ("caption", "detect", "segment")
    assert "uplook-tasks" in warning


@pytest.mark.parametrize("key", ["uplook-labels", "uplook-language"])
def test_blank_metadata_is_ignored_with_a_warning(key: str) -> None:
    chosen, (warning,) = RULES.choices_for("zoo", "cat.jpg", {key: " "})

    assert (chosen.labels, chosen.language) == (("lion", "seal"), "English")
    assert key in warning


def test_a_misspelled_key_of_ours_is_warned_about() -> None:
    chosen, warnings = RULES.choices_for("uploads", "cat.jpg", {"uplook-task": "caption"})

    assert chosen == RULES.defaults
    assert warnings == (
        "metadata uplook-task: expected a key among uplook-tasks, uplook-labels, uplook-language, found 'caption'",
    )


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
        Choices(tasks=("caption", "detect", "segment"), max_items=25, max_bytes=50_000_000)
    )


def test_the_example_in_the_shipped_file_works_when_it_is_uncommented() -> None:
    shipped = Path(config.__file__).with_name("rules.toml").read_text(encoding="utf-8")
    example = shipped[shipped.index("# [[rules]]") :]
    uncommented = "\n".join(line.removeprefix("#").strip() for line in example.splitlines())

    first, second = parse_rules(uncommented).rules

    assert (first.bucket, first.prefix, first.choices.language) == ("my-uploads", "receipts/", "German")
    assert second == Rule(None, "thumbnails/", Choices(exclude=True))


def test_an_empty_file_wants_nothing_and_keeps_the_limits() -> None:
    assert parse_rules("") == Rules(Choices(tasks=(), max_items=25, max_bytes=50_000_000))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour = 1", "colour: expected [defaults] and [[rules]] only"),
        ("defaults = 5", "defaults: expected a table, found 5"),
        ("rules = 5", "rules: expected [[rules]], in double brackets"),
        ("[rules]\nprefix = 'a'", "rules: expected [[rules]], in double brackets"),
        ("rules = ['a']", "rules[0]: expected a table, found 'a'"),
        (
            "[defaults]\nbucket = 'a'",
            "defaults.bucket: expected one of tasks, exclude, labels, language, max_items, max_bytes, models",
        ),
        ("[[rules]]\nprefix = 1", "rules[0].prefix: expected a text, found 1"),
        ("[[rules]]\nbucket = ['a']", "rules[0].bucket: expected a text, found ['a']"),
        (
            "[[rules]]\nprefx = 'a'",
            "rules[0].prefx: expected one of tasks, exclude, labels, language, max_items, max_bytes, models",
        ),
        (
            "[defaults]\ntasks = ['paint']",
            "defaults.tasks: expected a list of some of caption, detect, segment, found ['paint']",
        ),
        (
            "[defaults]\ntasks = [['caption']]",
            "defaults.tasks: expected a list of some of caption, detect, segment, found [['caption']]",
        ),
        (
            "[defaults]\ntasks = 'caption'",
            "defaults.tasks: expected a list of some of caption, detect, segment, found 'caption'",
        ),
        ("[defaults]\nexclude = 'yes'", "defaults.exclude: expected true or false, found 'yes'"),
        ("[defaults]\nlabels = ['']", "defaults.labels: expected a list of texts, found ['']"),
        ("[defaults]\nlabels = [1]", "defaults.labels: expected a list of texts, found [1]"),
        ("[defaults]\nlanguage = ' '", "defaults.language: expected a text, found ' '"),
        ("[defaults]\nmax_items = 0", "defaults.max_items: expected a whole number above 0, found 0"),
        ("[defaults]\nmax_items = true", "defaults.max_items: expected a whole number above 0, found True"),
        ("[defaults]\nmax_bytes = 1e6", "defaults.max_bytes: expected a whole number above 0, found 1000000.0"),
        ("[defaults]\nmodels = 'm'", "defaults.models: expected a table of task = model id, found 'm'"),
        (
            "[[rules]]\n[rules.models]\npaint = 'm'",
            "rules[0].models: expected a table of task = model id, found {'paint': 'm'}",
        ),
        (
            "[[rules]]\n[rules.models]\ncaption = 3",
            "rules[0].models: expected a table of task = model id, found {'caption': 3}",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_place(text: str, problem: str) -> None:
    assert _problems(text) == [problem]


def test_all_mistakes_are_reported_at_once() -> None:
    text = "colour = 1\n[defaults]\nmax_items = 0\n[[rules]]\nprefix = 1\n[[rules]]\nexclude = 1\ntask = 2"

    assert [line.split(":")[0] for line in _problems(text)] == [
        "colour",
        "defaults.max_items",
        "rules[0].prefix",
        "rules[1].exclude",
        "rules[1].task",
    ]


def test_what_is_no_toml_says_where() -> None:
    with pytest.raises(SettingsError, match=r"not TOML: .*line 2"):
        parse_rules("[defaults]\ntasks = caption")
