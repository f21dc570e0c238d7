"""What a conformance run makes of results and of the list of expected failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.conformance import storage
from infra.conformance._suite import SuiteError, conclude, judge, read_expected, read_results

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest


def test_outcomes_are_read_from_junit_xml(tmp_path: Path) -> None:
    report = tmp_path / "results.xml"
    report.write_text(
        """<testsuites><testsuite>
        <testcase classname="m" name="good"/>
        <testcase classname="m" name="bad"><failure>no</failure></testcase>
        <testcase classname="m" name="left"><skipped>why</skipped></testcase>
        <testcase classname="m" name="broken"><error>setup</error></testcase>
        <testcase classname="m" name="torn"/>
        <testcase classname="m" name="torn"><error>teardown</error></testcase>
        </testsuite></testsuites>"""
    )
    assert read_results(report) == {
        "m::good": "passed",
        "m::bad": "failed",
        "m::left": "skipped",
        "m::broken": "failed",
        "m::torn": "failed",
    }


def test_a_list_holds_one_name_a_line_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# why\nm::a\n\nm::b[x/1]  # that is why\n")
    assert read_expected(path) == {"m::a", "m::b[x/1]"}


def test_exactly_the_listed_failures_are_good() -> None:
    verdict = judge({"a": "passed", "b": "failed", "c": "skipped"}, frozenset({"b"}))
    assert verdict.good
    assert verdict.summary() == "1 passed, 1 failed, 1 skipped\nExactly the expected tests failed."


def test_a_failure_more_a_failure_less_and_a_name_gone_are_each_told() -> None:
    results = {"a": "failed", "b": "passed", "c": "skipped", "d": "failed"}
    verdict = judge(results, frozenset({"b", "c", "d", "e"}))
    assert (verdict.good, verdict.surprises, verdict.mended, verdict.unknown) == (False, ("a",), ("b",), ("c", "e"))
    assert "remove them from the list:\n  b\n" in verdict.summary()


def test_a_run_ends_in_a_summary_and_in_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("m::b\n")

    good = conclude("pytest", listed, lambda: {"m::a": "passed", "m::b": "failed"}, tests="its own tests")
    bad = conclude("pytest", listed, lambda: {"m::a": "failed", "m::b": "failed"})

    assert (good, bad) == (0, 1)
    said = capsys.readouterr().out
    assert ", its own tests: 1 passed, 1 failed, 0 skipped\nExactly the expected tests failed.\n" in said
    assert said.endswith("1 tests failed, but are not expected to:\n  m::a\n")


def test_a_suite_that_could_not_be_run_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def unavailable() -> Mapping[str, str]:
        raise SuiteError("pip exited with 1")

    assert conclude("pytest", tmp_path / "list.txt", unavailable) == 1
    assert capsys.readouterr().err == "pip exited with 1\n"


def test_the_checked_in_list_names_only_tests_of_the_suite() -> None:
    modules = {name.removesuffix(".py").replace("/", ".") for name in storage.TESTS}
    assert {name.partition("::")[0] for name in read_expected(storage.EXPECTED_FAILURES)} <= modules
