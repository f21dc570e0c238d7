"""The emulators as others get them: laid out under the installed name, without this repository on the path.

No wheel is built here: that would fetch the build backend. What is installed is what `pyproject.toml` includes.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from infra.emulators import Control
from infra.emulators.gemini import routes as gemini_routes
from infra.emulators.pubsub.routes import RPCS
from infra.emulators.storage.routes import JSON_ROUTES, XML_ROUTES
from infra.local import resources
from infra.local.process import ROOT, Process
from tests.services import START_TIMEOUT_S, control_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = ROOT / "infra" / "emulators"
EMULATORS = ("gemini", "pubsub", "storage")
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
SCRIPTS: dict[str, str] = PROJECT["project"]["scripts"]
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
SERVED = README[README.index("## What each serves") :]
GEMINI, STORAGE, PUBSUB = re.findall(r"^```text\n(.*?)^```", SERVED, re.MULTILINE | re.DOTALL)

DISTRIBUTIONS = {
    "PIL": "pillow",
    "google.api_core": "google-api-core",
    "google.iam": "grpc-google-iam-v1",
    "google.pubsub_v1": "google-cloud-pubsub",
    "google.rpc": "googleapis-common-protos",
    "google_crc32c": "google-crc32c",
    "grpc": "grpcio",
    "httpcore2": "httpcore2",
    "numpy": "numpy",
    "pillow_heif": "pillow-heif",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "starlette": "starlette",
    "uvicorn": "uvicorn",
}
"""Where each module that the package imports comes from."""

ROLES = ("__init__", "__main__", "app", "cli", "control", "errors", "faults", "models", "routes")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder to import from, in which the package lies as an installation lays it."""
    folder = tmp_path_factory.mktemp("site")
    (name,) = WHEEL["sources"].values()
    for pattern in WHEEL["include"]:
        for path in PACKAGE.glob(pattern):
            target = folder / name / path.relative_to(PACKAGE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return folder


@contextlib.contextmanager
def console_script(site: Path, name: str, *arguments: str) -> Iterator[Process]:
    """Run one of the console scripts; `-P` keeps the folder it starts in, this repository, off the path."""
    module, _, function = SCRIPTS[name].partition(":")
    code = f"import sys; from {module} import {function}; sys.exit({function}())"
    argv = [sys.executable, "-P", "-c", code, "--port", "0", *arguments]
    with Process(name, argv, env=os.environ | {"PYTHONPATH": str(site)}) as child:
        child.wait_ready(timeout_s=START_TIMEOUT_S)
        yield child


def got(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=START_TIMEOUT_S) as reply:
        return json.load(reply)


def test_nothing_of_this_repository_is_on_the_path_of_what_is_tested_here(site: Path) -> None:
    code = "import importlib.util as util; print([util.find_spec(name) for name in ('infra', 'shared', 'functions')])"
    env = os.environ | {"PYTHONPATH": str(site)}

    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=ROOT, env=env, capture_output=True, check=True)

    assert done.stdout == b"[None, None, None]\n"


def test_there_is_one_console_script_for_each_emulator() -> None:
    assert sorted(SCRIPTS) == [f"{name}-emulator" for name in EMULATORS]


def test_the_gemini_emulator_starts_from_its_console_script(site: Path) -> None:
    with console_script(site, "gemini-emulator") as child:
        assert "truncate" in Control(str(child.url)).kinds()
        assert "models/gemini-3.8-flash" in [each["name"] for each in got(f"{child.url}/v1beta/models?key=a")["models"]]


def test_the_storage_emulator_starts_from_its_console_script(site: Path) -> None:
    with console_script(site, "storage-emulator", "--bucket", "uploads") as child:
        assert "corrupt" in Control(str(child.url)).kinds()
        assert [each["name"] for each in got(f"{child.url}/storage/v1/b?project=p")["items"]] == ["uploads"]


def test_the_pubsub_emulator_starts_from_its_console_script(site: Path) -> None:
    with console_script(site, "pubsub-emulator") as child:
        client = resources.publisher(str(child.url).removeprefix("http://"))
        with contextlib.closing(client.transport):
            client.create_topic(name="projects/local-dev/topics/news", timeout=START_TIMEOUT_S)
        assert list(Control(control_url(child)).call("GET", "/_control/stats")["topics"]) == [
            "projects/local-dev/topics/news"
        ]


def test_the_example_of_the_readme_runs_as_it_stands(site: Path, tmp_path: Path) -> None:
    [example] = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    with console_script(site, "storage-emulator", "--bucket", "uploads") as child:
        env = os.environ | {"PYTHONPATH": str(site), "STORAGE_EMULATOR_HOST": str(child.url)}
        done = subprocess.run(
            [sys.executable, "-P", "-c", example], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    assert (done.stdout, done.stderr) == ("the client repeated an upload that had succeeded\n", "")


def test_the_dependencies_are_what_the_code_imports() -> None:
    declared = {re.split(r"[>\[]", each)[0] for each in PROJECT["project"]["dependencies"]}

    assert {_distribution(module) for module in _imported()} == declared


@pytest.mark.parametrize("requirement", PROJECT["project"]["dependencies"])
def test_the_lower_bound_of_a_dependency_is_one_that_the_tests_run_with(requirement: str) -> None:
    found = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement)
    assert found
    installed = importlib.metadata.version(found[1])

    assert _numbers(installed)[: len(_numbers(found[2]))] >= _numbers(found[2])


def test_the_readme_lists_every_path_of_the_gemini_emulator() -> None:
    makers = ("model_routes", "file_routes", "batch_routes", "prediction_routes")
    routes = [route for maker in makers for route in getattr(gemini_routes, maker)(Mock())]

    assert GEMINI.splitlines() == [f"{','.join(sorted(each.methods - {'HEAD'}))} {each.path}" for each in routes]


def test_the_readme_lists_every_operation_of_the_storage_emulator() -> None:
    assert sorted(STORAGE.split()) == sorted({route.operation for route in (*JSON_ROUTES, *XML_ROUTES)})


def test_the_readme_lists_every_rpc_of_the_pubsub_emulator() -> None:
    assert sorted(PUBSUB.split()) == sorted(RPCS)


@pytest.mark.parametrize("emulator", EMULATORS)
def test_every_emulator_has_the_modules_that_have_a_role(emulator: str) -> None:
    assert [role for role in ROLES if not (PACKAGE / emulator / f"{role}.py").is_file()] == []


def test_the_package_carries_the_repositorys_licence() -> None:
    assert (PACKAGE / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def _imported() -> set[str]:
    """Return every module from elsewhere that a module of the package imports, wherever in it."""
    nodes = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {module for module in plain | named if module.split(".")[0] not in sys.stdlib_module_names}


def _distribution(module: str) -> str:
    names = [name for name in DISTRIBUTIONS if f"{module}.".startswith(f"{name}.")]
    assert names, f"{module}: add where it comes from to DISTRIBUTIONS, and to the package's dependencies"
    return DISTRIBUTIONS[names[0]]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]
