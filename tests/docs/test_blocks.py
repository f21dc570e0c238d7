"""What can be known of the documents' commands without running them; every block either runs or says why not."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
from typing import TYPE_CHECKING

import hcl2
import pytest

from shared.core.planning.rules import parse_rules
from tests.docs.blocks import OTHERS, REASONS, SHELL, blocks, inline, pages
from tests.docs.checks import is_command, problem
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from tests.docs.blocks import Block

BLOCKS = [block for page in pages() for block in blocks(page)]
TYPED = [block for block in BLOCKS if block.language in SHELL]
PYTHON = [block for block in BLOCKS if block.language == "python"]
NOT_RUN = [block for block in BLOCKS if block.not_run]
INLINE = sorted({(page, code) for page in pages() for code in inline(page) if is_command(code)})
MOST_NOT_RUN = 7
_TERRAFORM: dict[type, tuple[str, ...]] = {
    bool: ("bool",),
    int: ("number",),
    float: ("number",),
    str: ("string",),
    list: ("list",),
    dict: ("map", "object"),
}


def imported(text: str) -> list[tuple[str, str | None]]:
    """Return the modules that a program imports, each with the name it takes from them."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, alias.name) for alias in node.names]
    return found


def missing(module: str, name: str | None) -> str | None:
    """Return what cannot be imported, or None."""
    try:
        loaded = importlib.import_module(module)
        if name and not hasattr(loaded, name):
            importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError as error:
        return str(error)
    return None


def test_every_block_says_its_language() -> None:
    unknown = [f"{block}: {block.language!r}" for block in BLOCKS if block.language not in SHELL | OTHERS | {"python"}]

    assert len(TYPED) > 20
    assert unknown == []


def test_no_command_hides_in_a_block_of_another_kind() -> None:
    shown = [(block, line) for block in BLOCKS if block.language in {"", "text"} for line in block.text.splitlines()]

    assert [f"{block}: {line}" for block, line in shown if is_command(line.removeprefix("$ "))] == []


def test_a_block_that_does_not_run_has_one_of_the_known_reasons_and_they_are_few() -> None:
    assert {block.not_run for block in NOT_RUN} == REASONS
    assert len(NOT_RUN) <= MOST_NOT_RUN, [str(block) for block in NOT_RUN]


@pytest.mark.parametrize("block", TYPED, ids=str)
def test_a_shell_reads_the_block(block: Block) -> None:
    ended = subprocess.run(["bash", "-n"], input=block.commands, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert block.commands.strip()


@pytest.mark.parametrize("block", TYPED, ids=str)
def test_what_the_block_names_exists(block: Block) -> None:
    lines = block.commands.replace("\\\n", " ").splitlines()

    assert [found for line in lines for each in line.split(" && ") if (found := problem(each))] == []


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_compiles_and_its_imports_exist(block: Block) -> None:
    compile(block.text, str(block), "exec")

    if block.not_run != "it needs a package that Uplook does not install":
        assert [found for each in imported(block.text) if (found := missing(*each))] == []


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "json"], ids=str)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "toml"], ids=str)
def test_rules_are_rules(block: Block) -> None:
    said = parse_rules(block.text)
    assert said.rules or said.budgets


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "hcl"], ids=str)
def test_what_terraform_is_told_it_asks_for(block: Block) -> None:
    assert _unknown_to_terraform(block.text) == []


def _unknown_to_terraform(text: str) -> list[str]:
    """Return what such lines of `terraform.tfvars` set that `infra/` has no variable for, or one of another type."""
    told, infra = hcl2.loads(text), parse(FILES)
    asked = {name: str(body["type"]).removeprefix("${") for name, body in infra.variables.items()}
    wrong = [name for name, value in told.items() if not asked.get(name, "").startswith(_TERRAFORM[type(value)])]
    return [*wrong, *(told.get("settings", {}).keys() - set(infra.local_values["further_settings"]))]


def test_a_variable_that_terraform_has_not_got_is_noticed() -> None:
    text = 'tracng = true\ntracing = "true"\nsettings = { OTEL_TRACES_SAMPLER = "always_on", OTEL_SAMPLER = "x" }\n'

    assert _unknown_to_terraform(text) == ["tracng", "tracing", "OTEL_SAMPLER"]


@pytest.mark.parametrize(("page", "code"), INLINE)
def test_a_command_in_a_sentence_exists(page: str, code: str) -> None:
    assert problem(code) is None, page


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("make dmeo", "no target dmeo"),
        ("make demo IMAEGS=x", "no variable IMAEGS"),
        (".venv/bin/python -m shared.oparate plan", "no module shared.oparate"),
        (".venv/bin/python -m shared.operate plan gs://a/b --metdata x=y", "no --metdata"),
        (".venv/bin/python -m shared.operate plam gs://a/b", "has no --help"),
        ("python -m shared.operate plan", "write .venv/bin/python"),
        ("pytest -m fault", "write .venv/bin/python -m pytest"),
        (".venv/bin/python -m pytest tests/contract/test_none.py", "there is no tests/contract/test_none.py"),
        ("gcloud storage copy a b", "no such command: storage copy"),
        ("gcloud storage cp a b --recursve", "no such flag: --recursve"),
        ("terraform -chdir=infra output -raw uplaod", "no such output: uplaod"),
    ],
)
def test_a_wrong_target_module_flag_or_path_is_noticed(command: str, words: str) -> None:
    assert words in (problem(command) or "")


def test_a_comment_above_a_block_is_read() -> None:
    text = "<!-- until: Waiting -->\n```sh\nsleep 1\n```\n\n```console\n$ echo a\na\n```\n"

    one, two = blocks("page", text)
    assert (one.until, one.not_run, one.line) == ("Waiting", None, 2)
    assert (two.commands, two.printed) == ("echo a\n", ("a",))
    with pytest.raises(ValueError, match="page:1: the fence is never closed"):
        blocks("page", "```sh\n")
