"""Every test of the browser can fail: `python -m tests.browser.mutants` shows it; here is what is quick."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.bench.browser import CHROMIUM, WHY_NOT
from tests.browser.mutants import copied, plugin
from tests.browser.mutants.__main__ import main
from tests.browser.mutants.judging import Mutant, Ran, judge, not_green
from tests.browser.mutants.table import MUTANTS

QUICK = "boxes_beside_their_things"
HERE = Path(__file__).parent
MUTANT = Mutant("m", "test_a.py::test_b", "a.js", "1", "2", "assert found == 1")
RED = Ran("test_b[m]", "m", "failed", ["with opened(browser) as page:", "assert found == 1"], "assert 2 == 1")


def browsers_tests() -> set[str]:
    """Return every test that a browser takes part in, as file::function."""
    modules = {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in HERE.glob("test_*.py")}
    functions = (
        (name, each) for name, tree in modules.items() for each in tree.body if isinstance(each, ast.FunctionDef)
    )
    return {
        f"{name}::{each.name}"
        for name, each in functions
        if each.name.startswith("test_") and "browser" in {argument.arg for argument in each.args.args}
    }


def test_each_test_of_the_browser_has_a_mutant() -> None:
    assert {each.test for each in MUTANTS} == browsers_tests()


def test_mutants_have_names_of_their_own() -> None:
    assert len({each.name for each in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_what_a_mutant_edits_and_where_it_is_seen_is_there(mutant: Mutant) -> None:
    assert (copied.ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1
    seen_in = (HERE / mutant.module).read_text(encoding="utf-8") + (HERE / "rig.py").read_text(encoding="utf-8")
    assert mutant.seen_at in seen_in


def test_each_mutant_has_runs_of_its_test_to_be_seen_in() -> None:
    argv = [sys.executable, "-m", "pytest", "-p", "tests.browser.mutants.plugin", "-p", "no:cacheprovider"]
    env = os.environ | {plugin.MUTANTS_VARIABLE: " ".join(each.name for each in MUTANTS), "PYTEST_ADDOPTS": ""}
    told = subprocess.run(
        [*argv, "--collect-only", "tests/browser"], cwd=copied.ROOT, env=env, capture_output=True, text=True, check=True
    )
    runs = [line for line in told.stdout.splitlines() if "::" in line]
    assert [each.name for each in MUTANTS if not any(each.name in line for line in runs)] == []


def test_the_repository_itself_is_never_broken() -> None:
    with pytest.raises(ValueError, match="a copy that may be broken"), copied.mutated(copied.ROOT, MUTANTS[0]):
        pass


@pytest.mark.parametrize(
    ("ran", "seen"),
    [
        ([RED], True),
        ([RED, Ran("test_b[n]", "n", "passed")], True),
        ([], False),
        ([Ran("test_b[m]", "m", "passed")], False),
        ([Ran("test_b[m]", "m", "skipped")], False),
        ([Ran("test_b[m]", "m", "error", RED.at)], False),
        ([Ran("test_b[m]", "m", "failed", ["page.goto(url)"])], False),
        ([RED, Ran("test_b[m-other]", "m", "passed")], False),
        ([Ran("test_b", None, "failed", RED.at)], False),
    ],
)
def test_a_mutant_is_seen_where_each_run_of_its_test_fails_at_the_right_place(ran: list[Ran], seen: bool) -> None:
    assert judge(MUTANT, ran).seen == seen


def test_tests_that_fail_without_a_mutant_say_nothing() -> None:
    assert not_green([Ran("test_b", None, "passed"), RED]) == []
    assert not_green([Ran("test_b", None, "skipped", said="no Chromium")]) == ["test_b skipped: no Chromium"]


def test_a_page_that_draws_boxes_beside_their_things_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    if CHROMIUM is None:
        pytest.skip(WHY_NOT)
    assert main(["--only", QUICK]) == 0
    assert "1 of 1 mutants are seen." in capsys.readouterr().out
