"""The planner of many uploads says what `plan` says of each, whatever it has planned before."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.events.envelopes import Upload
from shared.core.planning import planner
from shared.core.planning.plan import plan
from shared.core.planning.planner import Planner
from shared.core.planning.rules import parse_rules
from shared.core.values import Source
from tests.rig import SERVICE

RULES = parse_rules(
    """
[defaults]
tasks = ["caption", "detect"]
[[rules]]
prefix = "a/"
tasks = ["segment"]
language = "German"
[[rules]]
bucket = "other"
prefix = "a/b"
exclude = true
[[rules]]
prefix = "a/ask"
tasks = ["ask", "read"]
max_calls = 2
uploader_settings = ["labels"]
[rules.read]
model = "gemini-2.0-flash"
"""
)
UPLOADS = st.builds(
    Upload,
    st.builds(
        Source,
        st.sampled_from(["photos", "other"]),
        st.sampled_from(["a/x.jpg", "a/b.png", "a/ask.jpg", "b.jpg", "list.uplook.json", "a/", "notes.txt", "plain"]),
        st.integers(1, 9),
        st.sampled_from([None, 0, 7]),
        st.sampled_from([None, "image/jpeg", "text/plain", "application/x-directory"]),
    ),
    st.dictionaries(
        st.sampled_from(["uplook-tasks", "Uplook-Tasks", "uplook-labels", "uplook-question", "colour", "uplook-x"]),
        st.sampled_from(["ask", "caption,read", "cat, dog", "What?", "", "7"]),
        max_size=3,
    ),
)


@given(st.lists(UPLOADS, max_size=12))
@settings(max_examples=200, deadline=None)
def test_it_plans_each_upload_as_if_it_were_the_only_one(uploads: list[Upload]) -> None:
    known = Planner(RULES, "v1", SERVICE)

    assert [known.plan(each) for each in uploads] == [plan(each, RULES, run="v1", service=SERVICE) for each in uploads]


def test_it_remembers_no_more_plans_than_it_may() -> None:
    known = Planner(RULES, "v1", SERVICE)
    source = Source("photos", "b.jpg", 1, content_type="image/jpeg")

    for number in range(planner._REMEMBERED + 5):
        known.plan(Upload(source, {"uplook-question": f"How many {number}?"}))

    assert len(known._plans) == planner._REMEMBERED
