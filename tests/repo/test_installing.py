"""Every place that installs takes exactly what is locked, whatever else the package index holds, with every pip.

Offline but for the pips themselves: the index is our own (`package_index.py`); it holds a newer, empty release of
all that is locked. The commands are the Makefile's and the Dockerfile's own.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.supply.pins import parse_pins
from tests.package_index import Index, Release, made_up, wanted_with_extras

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".build" / "pips"
PIPS = {
    each["version"]: each["sha256"]
    for each in tomllib.loads((ROOT / "tests/repo/pips.toml").read_text())["pip"]
    if sys.version_info < tuple(each.get("below", [4]))
}
RESOLVES_LOCKS = ("24.0", "26.3")
"""Pips that need no flags for a lock: from 23.3 on, https://pip.pypa.io/en/stable/news/ (#12372)."""

LOCAL = wanted_with_extras(parse_pins((ROOT / "requirements-local.txt").read_text(encoding="utf-8")))
DEV = made_up("dev")
FUZZ = made_up("fuzz")
CHECKOV = made_up("policy")
CONSUMERS = made_up("consumers")
TRACING = made_up("tracing")
# As Google's buildpack does on Python 3.13 and older, where uv was not asked for:
# https://github.com/GoogleCloudPlatform/buildpacks/blob/main/pkg/python/python.go
BUILDPACK = (
    "install --requirement requirements.txt --upgrade --upgrade-strategy only-if-needed"
    " --no-warn-script-location --no-warn-conflicts --force-reinstall --no-compile"
)


@pytest.fixture(scope="module")
def index_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    index = Index(tmp_path_factory.mktemp("index"))
    index.add([*LOCAL, *DEV, *FUZZ, *CHECKOV, *CONSUMERS, *TRACING])
    with index.served() as url:
        yield url


@pytest.fixture(scope="module")
def env(index_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of every command: no index but ours, no settings of the person's own, no cache."""
    return {
        "HOME": str(tmp_path_factory.mktemp("home")),
        "PATH": os.environ["PATH"],
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index_url,
        "PIP_NO_CACHE_DIR": "1",
        "UV_DEFAULT_INDEX": index_url,
        "UV_NO_CACHE": "1",
        "UV_NO_CONFIG": "1",
        "npm_config_offline": "true",
    }


@pytest.fixture(scope="module")
def pips(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder in which the pip of a version lies, unpacked once."""

    @cache
    def unpacked(version: str) -> Path:
        folder = tmp_path_factory.mktemp("pip")
        with zipfile.ZipFile(_pip_wheel(version)) as wheel:
            wheel.extractall(folder)
        argv = [sys.executable, str(folder / "pip"), "--version"]
        if subprocess.run(argv, capture_output=True, check=False).returncode:
            pytest.skip(f"pip {version} does not run on Python {sys.version_info[0]}.{sys.version_info[1]}")
        return folder

    return unpacked


@pytest.fixture(params=PIPS)
def pip(request: pytest.FixtureRequest, pips: Callable[[str], Path]) -> Path:
    return pips(request.param)


def _pip_wheel(version: str) -> Path:
    """Return the file, fetched from the machine's own package index the first time."""
    wheel = CACHE / f"pip-{version}-py3-none-any.whl"
    if not wheel.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        wanted = CACHE / f"{version}.txt"
        wanted.write_text(f"pip=={version} --hash=sha256:{PIPS[version]}\n", encoding="utf-8")
        argv = [
            "download",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--dest",
            str(CACHE),
            "--requirement",
            str(wanted),
        ]
        ended = subprocess.run([sys.executable, "-m", "pip", *argv], capture_output=True, text=True, check=False)
        if ended.returncode:
            pytest.skip(f"pip {version} could not be fetched: {ended.stderr.strip().splitlines()[-1]}")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == PIPS[version]
    return wheel


def environment(folder: Path, pip: Path) -> Path:
    """Make a virtual environment that has this pip and nothing else, and return its site-packages."""
    venv.create(folder, with_pip=False, symlinks=True)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "pip.pth").write_text(f"{pip}\n", encoding="utf-8")
    return site


def installed(site: Path) -> set[str]:
    found = (re.fullmatch(r"(.+)-([^-]+)\.dist-info", path.name) for path in site.glob("*.dist-info"))
    return {f"{each[1].replace('_', '-').lower()}=={each[2]}" for each in found if each}


def locked(releases: Iterable[Release]) -> set[str]:
    return {f"{each.name}=={each.version}" for each in releases}


def write_lock(path: Path, releases: Iterable[Release]) -> None:
    path.write_text("".join(each.pin for each in releases), encoding="utf-8")


def checkout(folder: Path) -> Path:
    """What `make` needs to install, with locks of the index's own."""
    (folder / "infra").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for script in ("infra/python_check.py", "infra/emulators/gemini/vision/weights.py"):
        (folder / script).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / script, folder / script)
    write_lock(folder / "requirements-local.txt", LOCAL)
    write_lock(folder / "requirements-dev.txt", [*LOCAL, *DEV])
    write_lock(folder / "requirements-fuzz.txt", FUZZ)
    write_lock(folder / "requirements-checkov.txt", CHECKOV)
    write_lock(folder / "requirements-consumers.txt", CONSUMERS)
    write_lock(folder / "requirements-tracing.txt", TRACING)
    return folder


def test_make_installs_what_is_locked(pip: Path, env: dict[str, str], tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    site = environment(folder / ".venv", pip)
    (folder / ".venv" / "bin" / "uv").symlink_to(_uv())

    seen, said = [], []
    for target in (".venv/.local-installed", "setup", ".venv/.fuzz-installed"):
        ended = subprocess.run(["make", target], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        said.append(ended.stdout)
        seen.append(installed(site))

    assert seen == [locked(LOCAL), locked([*LOCAL, *DEV]), locked([*LOCAL, *DEV, *FUZZ])]
    # Without what npm brings everything is installed all the same, and one line says what is missing.
    assert [text.count("Things will have no names") for text in said] == [1, 0, 0]


@pytest.mark.parametrize(
    "name", ["PIP_CONSTRAINT", "PIP_PREFIX", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH"]
)
def test_make_installs_where_it_means_to_whatever_the_shell_says_to_other_pythons(
    name: str, pips: Callable[[str], Path], env: dict[str, str], tmp_path: Path
) -> None:
    folder, elsewhere = checkout(tmp_path / "checkout"), tmp_path / "elsewhere"
    site = environment(folder / ".venv", pips(RESOLVES_LOCKS[-1]))
    elsewhere.mkdir()
    (elsewhere / "pip.py").write_text("raise SystemExit('a pip of another Python')\n", encoding="utf-8")
    constraints = elsewhere / "constraints.txt"
    constraints.write_text("".join(f"{each.name}<0\n" for each in LOCAL), encoding="utf-8")
    said = {"PIP_CONSTRAINT": constraints, "PIP_USER": "1", "PYTHONSAFEPATH": "1"}.get(name, elsewhere)

    argv = ["make", ".venv/.local-installed"]
    shell = env | {name: str(said)}
    ended = subprocess.run(argv, cwd=folder, env=shell, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert installed(site) == locked(LOCAL)


@pytest.mark.parametrize(("name", "wanted"), [("checkov", CHECKOV), ("consumers", CONSUMERS), ("tracing", TRACING)])
def test_make_installs_what_is_locked_in_an_environment_of_its_own(
    env: dict[str, str], tmp_path: Path, name: str, wanted: tuple[Release, ...]
) -> None:
    folder = checkout(tmp_path / "checkout")
    environment(folder / ".venv", tmp_path)
    (folder / ".venv" / "bin" / "uv").symlink_to(_uv())
    for stamp in (".local-installed", ".dev-installed"):
        (folder / ".venv" / stamp).touch()

    argv = ["make", f".venv-{name}/.installed"]
    ended = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    [site] = folder.glob(f".venv-{name}/lib/python*/site-packages")
    assert installed(site) == locked(wanted)


def _uv() -> Path:
    return Path(sys.executable).with_name("uv")


def test_the_image_is_built_of_what_is_locked(pip: Path, env: dict[str, str], tmp_path: Path) -> None:
    write_lock(tmp_path / "requirements.txt", LOCAL)
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, argv in (("python", [sys.executable]), ("pip", [sys.executable, str(pip / "pip")])):
        (commands / name).write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n', encoding="utf-8")
        (commands / name).chmod(0o755)

    command = _image_command().replace("/venv", shlex.quote(str(tmp_path / "venv")))
    path = f"{commands}:{env['PATH']}"
    argv = ["sh", "-c", command]
    ended = subprocess.run(argv, cwd=tmp_path, env=env | {"PATH": path}, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    [site] = tmp_path.glob("venv/lib/python*/site-packages")
    assert installed(site) == locked(LOCAL)


def _image_command() -> str:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    [found] = re.findall(r"^RUN (.* install (?:.*\\\n)*.*)", text.replace("\\\n", " "), re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("version", RESOLVES_LOCKS)
def test_a_buildpack_with_a_pip_of_today_installs_what_is_locked(
    version: str, pips: Callable[[str], Path], env: dict[str, str], tmp_path: Path
) -> None:
    ended, site = _build(pips(version), env, tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert installed(site) == locked(LOCAL)


@pytest.mark.parametrize("version", sorted(PIPS.keys() - {*RESOLVES_LOCKS}))
def test_a_buildpack_with_an_older_pip_installs_nothing_unless_told_to_resolve_nothing(
    version: str, pips: Callable[[str], Path], env: dict[str, str], tmp_path: Path
) -> None:
    """This also shows that the index is the trap that it is meant to be."""
    refused, site = _build(pips(version), env, tmp_path / "refused")
    told, told_site = _build(pips(version), env | {"PIP_NO_DEPS": "1"}, tmp_path / "told")

    assert (refused.returncode, installed(site)) == (1, set())
    assert "must have their versions pinned with ==" in refused.stderr
    assert told.returncode == 0, told.stdout + told.stderr
    assert installed(told_site) == locked(LOCAL)


def _build(pip: Path, env: dict[str, str], folder: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder.mkdir(exist_ok=True)
    write_lock(folder / "requirements.txt", LOCAL)
    site = environment(folder / "venv", pip)
    argv = [str(folder / "venv" / "bin" / "python"), "-m", "pip", *BUILDPACK.split()]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False), site


def test_a_buildpack_with_uv_installs_what_is_locked(env: dict[str, str], tmp_path: Path) -> None:
    write_lock(tmp_path / "requirements.txt", LOCAL)
    site = environment(tmp_path / "venv", tmp_path)
    argv = [str(_uv()), "pip", "install", "--python", str(tmp_path / "venv"), "--requirement", "requirements.txt"]
    ended = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert installed(site) == locked(LOCAL)
