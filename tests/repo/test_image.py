"""The container image: what goes in, who runs it, and that what goes in is enough. Docker itself is not needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from infra.local.endpoints import Endpoints
from infra.local.process import Process
from tests.services import free_port
from tests.waiting import WAIT_S

ROOT = Path(__file__).resolve().parents[2]
SHIPS = {"main.py", "requirements.txt", "functions", "shared", "infra/viewer"}
_UNCHECKED_HASH = 0b01  # https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation


def _instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with their arguments, joined to one line each."""
    lines = [line for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    joined = re.sub(r" *\\\n *", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


INSTRUCTIONS = _instructions()
FINAL = INSTRUCTIONS[[name for name, _ in INSTRUCTIONS].index("FROM", 3) :]


def _of(name: str) -> list[str]:
    return [rest for each, rest in INSTRUCTIONS if each == name]


def _copied() -> list[str]:
    """Return what is copied from the checkout, not from an earlier stage."""
    return [part for rest in _of("COPY") if "--from" not in rest for part in shlex.split(rest)[:-1]]


def test_only_what_ships_is_copied() -> None:
    assert {path.rstrip("/") for path in _copied()} == SHIPS
    assert _of("ADD") == []


def test_nothing_else_reaches_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]

    assert patterns[0] == "*"
    assert {line[1:] for line in patterns if line.startswith("!")} == SHIPS


def test_packages_are_installed_by_hash_from_wheels() -> None:
    [install] = [rest for rest in _of("RUN") if " install " in rest]

    assert {"--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile"} <= set(shlex.split(install))


def test_it_does_not_run_as_root() -> None:
    names = [name for name, _ in FINAL]
    [user] = _of("USER")

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert "RUN" not in names
    assert names[-1] == "CMD"


def test_whoever_runs_it_may_read_what_a_strict_umask_has_copied(tmp_path: Path) -> None:
    private = tmp_path / "shared"
    private.mkdir(mode=0o700)
    (private / "rules.toml").touch(mode=0o600)

    name, last = INSTRUCTIONS[len(INSTRUCTIONS) - len(FINAL) - 1]  # after everything that writes
    *command, venv, app = shlex.split(last)
    assert (name, command[0], venv, app) == ("RUN", "chmod", "/venv", "/app")
    subprocess.run([*command, str(tmp_path)], check=True)

    assert [path.stat().st_mode & 0o777 for path in (private, private / "rules.toml")] == [0o755, 0o644]


def test_no_secret_is_built_in() -> None:
    names = re.findall(r"([A-Za-z_]+)=", " ".join(_of("ENV") + _of("ARG")))

    assert {"PATH", "PYTHONDONTWRITEBYTECODE"} <= set(names)
    assert [name for name in names if re.search(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", name, re.IGNORECASE)] == []


def test_both_stages_have_the_python_of_the_deployed_functions() -> None:
    [base] = _of("ARG")
    version = re.fullmatch(r"BASE=python:3\.(\d+)-slim-[a-z]+", base)
    terraform = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "infra").glob("*.tf"))

    assert version is not None
    assert set(re.findall(r'"python3(\d+)"', terraform)) == {version[1]}
    assert [rest.removesuffix(" AS build") for rest in _of("FROM")] == ["${BASE}"] * 2


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the build stage makes of the checkout, but for the packages: those are this environment's."""
    app = tmp_path_factory.mktemp("image") / "app"
    app.mkdir()
    for name in _copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, app / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, app)
    [compiling] = [rest for rest in _of("RUN") if "compileall" in rest]
    options = [part for part in shlex.split(compiling)[1:] if part not in {"/venv/lib", "/app"}]
    subprocess.run([sys.executable, *options, str(app)], check=True)
    return app


def test_every_module_comes_with_bytecode_that_needs_no_check(image: Path) -> None:
    modules = {path.stem for path in image.rglob("*.py")}
    compiled = list(image.rglob("*.pyc"))

    assert modules == {path.name.partition(".")[0] for path in compiled}
    assert {path.read_bytes()[4] for path in compiled} == {_UNCHECKED_HASH}


def test_what_is_copied_is_enough_to_serve_a_function(image: Path) -> None:
    """The image's own command, started as Cloud Run does: the function by FUNCTION_TARGET, the port by PORT."""
    [command] = _of("CMD")
    port = free_port()
    env = Endpoints("http://127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:3").function_env()
    env |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    argv = ["sh", "-c", 'cd "$0" && exec "$@"', str(image), *json.loads(command)]
    malformed = {"message": {"data": "bm8gSlNPTg==", "messageId": "1"}, "subscription": "s"}

    with Process("image", argv, env=env | {"FUNCTION_TARGET": "caption", "PORT": str(port)}) as child:
        child.wait_port(port, timeout_s=WAIT_S)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/projects/local-dev/topics/image-events",
            data=json.dumps(malformed).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            assert answer.status == 200

    assert "a malformed event is acknowledged and dropped" in child.tail()


def test_what_is_copied_is_enough_to_serve_the_page(image: Path) -> None:
    """As infra/viewer.tf has it: from the image's folder, with the functions' settings and the port by PORT."""
    port = free_port()
    env = Endpoints("http://127.0.0.1:1", "127.0.0.1:2", None).function_env() | {
        "IAP_AUDIENCE": "/a",
        "PORT": str(port),
    }
    argv = ["sh", "-c", 'cd "$0" && exec "$@"', str(image), sys.executable, "-m", "infra.viewer"]

    with Process("page", argv, env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **env}) as child:
        child.wait_port(port, timeout_s=WAIT_S)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=WAIT_S)
