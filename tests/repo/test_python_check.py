"""What `make` says of a Python that cannot install Uplook: one line, with what to do."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra import python_check

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "infra" / "python_check.py"
RANGE = "Uplook needs Python 3.11 to 3.14"


def check(python: str, *, pretending: str = "") -> tuple[int, str]:
    """Return the exit code, and what was said."""
    run = f"import runpy, sys, sysconfig; {pretending}; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    ended = subprocess.run([python, "-c", run], capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr


def outside_a_venv() -> str:
    return str(Path(sys.base_prefix) / "bin" / "python3")


@pytest.mark.parametrize(
    ("pretending", "said"),
    [
        ("sys.version_info = (3, 10, 13)", f"{RANGE}, and this is 3.10, which is too old: name another one"),
        ("sys.version_info = (2, 7, 18)", f"{RANGE}, and this is 2.7, which is too old: name another one"),
        ("sys.version_info = (3, 15, 0)", f"{RANGE}, and this is 3.15, which is too new, because some packages"),
        ("sys.version_info = (4, 0, 0)", f"{RANGE}, and this is 4.0, which is too new, because some packages"),
        ("import os; os.name = 'nt'", "Uplook runs on Linux and macOS, and this is"),
        (
            "sysconfig.get_config_var = {'SOABI': 'cpython-312-x86_64-linux-musl'}.get",
            f"{RANGE} built for glibc, and this one is built for musl",
        ),
        ("sys.modules['venv'] = None", "has no module venv: on Debian and Ubuntu, apt install python3-venv"),
        ("sys.modules['ensurepip'] = None", "has no module ensurepip: on Debian and Ubuntu, apt install python3-venv"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(pretending: str, said: str) -> None:
    code, found = check(outside_a_venv(), pretending=pretending)

    assert code == 1
    assert said in found
    assert found.count("\n") == 1


@pytest.mark.parametrize("minor", [11, 14])
def test_of_a_good_python_nothing_is_said(minor: int) -> None:
    assert check(outside_a_venv(), pretending=f"sys.version_info = (3, {minor}, 0)") == (0, "")


def test_an_environment_without_pip_is_to_be_made_anew() -> None:
    """As uv makes them, or a Debian that lacks ensurepip."""
    code, found = check(sys.executable, pretending="sys.modules['pip'] = None")

    assert code == 1
    assert found == f"{sys.prefix} has no pip: remove it (rm -r {sys.prefix}) and run make again.\n"


def _pythons() -> dict[str, str]:
    """Return every Python of this machine, by version: those on the PATH and pyenv's."""
    names = [
        "python2",
        "python3",
        *(f"python{version}" for version in ("2.7", *(f"3.{minor}" for minor in range(4, 20)))),
    ]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [*filter(None, map(shutil.which, names)), *map(str, pyenv.glob("versions/*/bin/python"))]
    told = {path: subprocess.run([path, "--version"], capture_output=True, text=True, check=False) for path in found}
    return {(ended.stdout + ended.stderr).strip(): path for path, ended in told.items() if ended.returncode == 0}


@pytest.mark.parametrize(("version", "python"), sorted(_pythons().items()))
def test_every_python_of_this_machine_runs_it(version: str, python: str) -> None:
    ended = subprocess.run([python, str(SCRIPT)], capture_output=True, text=True, check=False)

    number = re.search(r"(\d+)\.(\d+)", version)
    assert number is not None
    if python_check.FIRST <= (int(number[1]), int(number[2])) <= python_check.LAST:
        assert ended.returncode == 0 or "has no module" in ended.stderr
    else:
        assert ended.stderr.startswith(f"{RANGE}, and this is {number[0]}, which is too ")
    assert ended.stderr.count("\n") == ended.returncode


def test_it_has_nothing_that_an_old_python_cannot_read() -> None:
    """A machine may have no old Python to try it on."""
    tree = ast.parse(SCRIPT.read_text("ascii"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]

    assert [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)] == []
    assert [each.name for each in functions if each.returns or any(arg.annotation for arg in each.args.args)] == []
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"os", "sys", "sysconfig"}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


def test_the_newest_python_is_the_one_that_is_deployed_and_the_readme_says_the_same() -> None:
    base = re.search(r"^ARG BASE=python:(\d+)\.(\d+)-", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)

    assert base is not None
    assert (int(base[1]), int(base[2])) == python_check.LAST
    assert "Python 3.11 to 3.14 and make" in (ROOT / "README.md").read_text("utf-8")
    assert RANGE == python_check.WANTED


def test_make_says_that_python_names_nothing(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements-local.txt", "requirements-dev.txt"):
        (tmp_path / name).touch()

    argv = ["make", "setup", "PYTHON=no-such-python"]
    ended = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ended.returncode != 0
    assert ended.stderr.startswith(
        "There is no no-such-python here: name the Python to use, for example: make setup PYTHON="
    )
    assert not (tmp_path / ".venv").exists()
