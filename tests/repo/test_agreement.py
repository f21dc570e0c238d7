"""Code, documents and configuration tell the same story."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields, replace
from pathlib import Path
from types import FunctionType

import pytest

import main
from infra.local import topology
from infra.local.endpoints import ENV_FILE, Endpoints, State, write
from shared.config import Settings
from shared.core.tasks.catalogue import TASKS

ROOT = Path(__file__).resolve().parents[2]
_BINARY = {".jpg", ".png", ".heic"}
PYTHON_FILES = sorted(
    path for folder in ("functions", "shared", "infra", "tests") for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("name", main.__all__)
def test_every_entry_point_is_a_plain_function_of_its_own_name(name: str) -> None:
    """functions-framework looks the signature up by `__name__`; an alias would silently become an HTTP function."""
    entry_point = getattr(main, name)

    assert isinstance(entry_point, FunctionType)
    assert entry_point.__name__ == name


def test_the_stack_runs_exactly_the_entry_points_of_main() -> None:
    assert sorted(function.name for function in topology.FUNCTIONS) == sorted(main.__all__)


def test_every_function_is_the_target_of_a_subscription() -> None:
    assert {each.function for each in topology.SUBSCRIPTIONS} == set(main.__all__)


def test_every_task_has_a_worker_and_a_filtered_subscription() -> None:
    filters = {each.function: each.message_filter for each in topology.SUBSCRIPTIONS}

    assert {task: filters[task] for task in TASKS} == {task: f'attributes.task = "{task}"' for task in TASKS}


@pytest.mark.fault(115)
def test_the_deadlines_nest() -> None:
    """Worker time-out < ack deadline <= 600 s, and lease TTL > worker time-out (design section 7)."""
    assert topology.WORKER_TIMEOUT_S < topology.ACK_DEADLINE_S <= 600
    assert topology.ACK_DEADLINE_S < topology.LEASE_TTL_S


def test_the_stack_sets_what_settings_read() -> None:
    env = Endpoints("http://127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:3").function_env()

    settings = Settings.from_env(env)

    assert settings.pubsub_emulator_host == "127.0.0.1:2"
    named = {field.name.upper() for field in fields(Settings)} | {"GOOGLE_CLOUD_PROJECT", "GOOGLE_GEMINI_BASE_URL"}
    assert set(env) - named == set()


def test_stack_env_shows_operators_the_deployment_as_its_functions_see_it(tmp_path: Path) -> None:
    state = State(1, Endpoints("http://127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:3", pubsub_control="http://c"))
    write(state, tmp_path)

    env = dict(line.split("=", 1) for line in (tmp_path / ENV_FILE).read_text(encoding="utf-8").splitlines())

    functions = replace(Settings.from_env(state.endpoints.function_env()), log_format="json")
    assert Settings.from_env(env) == functions
    assert env["PUBSUB_CONTROL_URL"] == "http://c"


def test_every_command_of_the_readme_exists() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"\bmake ([a-z]+)", readme))

    assert {"demo", "test", "up", "down", "check"} <= commands
    assert [command for command in commands if not re.search(rf"^{command}:", makefile, re.MULTILINE)] == []


def test_every_link_of_the_documents_leads_somewhere() -> None:
    links = [
        (document, target)
        for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    ]

    assert links != []
    assert [f"{document.name}: {target}" for document, target in links if not (document.parent / target).exists()] == []


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    reader_calls = re.findall(r'reader\.\w+\("([A-Z_]+)"', (ROOT / "shared" / "config.py").read_text(encoding="utf-8"))

    assert len(reader_calls) > 10
    assert [name for name in reader_calls if f"`{name}`" not in text] == []


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_product_module_has_at_most_400_lines(path: Path) -> None:
    if "tests" in path.relative_to(ROOT).parts:
        return
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_nothing_of_this_machine_and_no_registry_host_is_in_the_repository() -> None:
    forbidden = re.compile(r"(?<!/)/work/|/root/|pypi\.org|files\.pythonhosted|registry\.npmjs|deb\.debian")
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listing.stdout.split("\0") if name and Path(name).suffix not in _BINARY]
    texts = [ROOT / name for name in names if (ROOT / name).is_file()]
    found = [
        str(path.relative_to(ROOT))
        for path in texts
        if path != Path(__file__) and forbidden.search(path.read_text(encoding="utf-8", errors="replace"))
    ]

    assert len(texts) > 100
    assert found == []
