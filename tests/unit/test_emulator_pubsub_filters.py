from __future__ import annotations

import pytest

from infra.emulators.pubsub.filters import FilterError, compile_filter


@pytest.mark.parametrize(
    ("text", "attributes", "expected"),
    [
        ("", {}, True),
        ("attributes:task", {"task": ""}, True),
        ("attributes:task", {"other": "task"}, False),
        ('attributes.task = "caption"', {"task": "caption"}, True),
        ('attributes.task = "caption"', {"task": "Caption"}, False),
        ('attributes.task = "caption"', {}, False),
        ('attributes.task="caption"', {"task": "caption"}, True),
        ('attributes.task != "caption"', {"task": "detect"}, True),
        ('attributes.task != "caption"', {}, True),
        ('attributes.task != "caption"', {"task": "caption"}, False),
        ('hasPrefix(attributes.name, "tmp/")', {"name": "tmp/a"}, True),
        ('hasPrefix(attributes.name, "tmp/")', {"name": "a/tmp/"}, False),
        ('hasPrefix(attributes.name, "")', {}, False),
        ('NOT hasPrefix(attributes.name, "tmp/")', {}, True),
        ("-attributes:draft", {"draft": "1"}, False),
        ("NOT NOT attributes:draft", {"draft": "1"}, True),
        ("attributes:a AND attributes:b AND attributes:c", {"a": "", "b": "", "c": ""}, True),
        ("attributes:a AND attributes:b", {"a": ""}, False),
        ("attributes:a OR attributes:b OR attributes:c", {"c": ""}, True),
        ("attributes:a OR attributes:b", {}, False),
        ("NOT attributes:a AND attributes:b", {"b": ""}, True),
        ("NOT (attributes:a AND attributes:b)", {"b": ""}, True),
        ("attributes:a AND (attributes:b OR attributes:c)", {"a": "", "c": ""}, True),
        ("(attributes:a OR attributes:b) AND attributes:c", {"a": ""}, False),
        ("(((attributes:a)))", {"a": ""}, True),
        ('attributes.ce-type = "x.y"', {"ce-type": "x.y"}, True),
        ('attributes."iana.org/language_tag" = "en"', {"iana.org/language_tag": "en"}, True),
        ('attributes:"a b"', {"a b": ""}, True),
        ('attributes.2x = "1"', {"2x": "1"}, True),
        ('attributes.AND = "1" AND attributes.hasPrefix = "2"', {"AND": "1", "hasPrefix": "2"}, True),
        (r'attributes.q = "a \"quoted\" \\ word"', {"q": 'a "quoted" \\ word'}, True),
        (r'attributes.q = "\x41\u00e9\U0001F600\101\n"', {"q": "Aé😀A\n"}, True),
        ("  attributes:a\n\tAND attributes:b  ", {"a": "", "b": ""}, True),
    ],
)
def test_a_filter_decides_by_the_attributes(text: str, attributes: dict[str, str], expected: bool) -> None:
    assert compile_filter(text)(attributes) is expected


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "attributes",
        "attributes.task",
        "attributes.task = caption",
        "attributes.task = 'caption'",
        'attributes.task == "caption"',
        'attributes.task ==== "3"',
        'attributes.task > "a"',
        'attributes.task : "a"',
        "attributes:",
        'attributes.a.b = "1"',
        'attributes.-a = "1"',
        'task = "caption"',
        'data = "x"',
        "attributes:a and attributes:b",
        "attributes:a attributes:b",
        "attributes:a AND",
        "AND attributes:a",
        "attributes:a AND attributes:b OR attributes:c",
        "attributes:a OR attributes:b AND attributes:c",
        "(attributes:a",
        "attributes:a)",
        "()",
        "NOT",
        "hasPrefix(attributes.name)",
        'hasPrefix(attributes:name, "a")',
        'hasPrefix("name", "a")',
        'hasSuffix(attributes.name, "a")',
        'attributes.a = "unclosed',
        r'attributes.a = "\q"',
        r'attributes.a = "\UFFFFFFFF"',
        "attributes:a & attributes:b",
        f'attributes.a = "{"x" * 241}"',
        f'attributes.a = "{"é" * 121}"',
    ],
)
def test_what_the_grammar_does_not_allow_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        compile_filter(text)


def test_a_filter_of_exactly_256_bytes_is_accepted() -> None:
    value = "x" * 239
    assert compile_filter(f'attributes.a = "{value}"')({"a": value})


def test_a_refusal_names_the_place() -> None:
    with pytest.raises(FilterError, match=r"expected = or !=, found : at character 13"):
        compile_filter('attributes.a : "1"')


def test_parentheses_nest_as_deep_as_the_length_allows() -> None:
    assert compile_filter("(" * 121 + "attributes:a" + ")" * 121)({"a": ""})
