"""What is deployed, alone: the source archive, and nothing installed but what requirements.txt pins."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import main
from infra import archive
from tests.functions.pushes import push_body
from tests.policy.deploy_script import dry_run, environment, flags

if TYPE_CHECKING:
    from importlib.metadata import Distribution

ROOT = archive.ROOT
START_TIMEOUT_S = 120


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive's content in a folder of its own."""
    folder = tmp_path_factory.mktemp("unpacked")
    archive.write(folder.with_suffix(".zip"))
    with zipfile.ZipFile(folder.with_suffix(".zip")) as packed:
        packed.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages: those that requirements.txt pins, linked from this environment, and no other."""
    folder = tmp_path_factory.mktemp("installed")
    for found in _pinned():
        for file in found.files or ():
            source = Path(str(found.locate_file(file)))
            if ".." not in file.parts and source.is_file():  # what lies outside are scripts
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).symlink_to(source)
    return folder


def _pinned() -> list[Distribution]:
    pins = re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    found = []
    for name, version in pins:
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another system or Python
        if package.version == version:  # one package may be pinned twice, for different Pythons
            found.append(package)
    assert len(found) > 30
    return found


@cache
def _deployed_environment() -> dict[str, dict[str, str]]:
    """Return the environment that each function is deployed with."""
    deployed = [flags(command) for command in dry_run(FORGET="true") if command[1:3] == ["functions", "deploy"]]
    return {each["--entry-point"]: environment(each) for each in deployed}


def _start(target: str, folder: Path, packages: Path, **environ: str) -> tuple[subprocess.Popen[str], int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    # -S: not even the interpreter's own site-packages.
    argv = [sys.executable, "-S", "-m", "functions_framework", "--target", target, "--host", "127.0.0.1"]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [*argv, "--port", str(port)],
        cwd=folder,
        env=env | _deployed_environment()[target] | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return process, port


def _listens(process: subprocess.Popen[str], port: int) -> bool:
    """Wait until the port is open; False once the process has ended."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def _post(port: int, path: str, body: object) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _stop(process: subprocess.Popen[str]) -> str:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    said, _ = process.communicate()
    return said


def test_every_function_starts_from_the_archive_alone(unpacked: Path, installed: Path) -> None:
    def outcome(target: str) -> tuple[bool, str]:
        process, port = _start(target, unpacked, installed)
        try:
            listens = _listens(process, port)
        finally:
            said = _stop(process)
        return listens, said

    with ThreadPoolExecutor(2) as pool:
        outcomes = dict(zip(main.__all__, pool.map(outcome, main.__all__), strict=True))

    assert {target: said for target, (listens, said) in outcomes.items() if not listens} == {}


def test_a_function_that_is_deployed_with_an_http_trigger_still_reads_what_pubsub_pushes(
    unpacked: Path, installed: Path
) -> None:
    """The platform says `http` of it; the decorator says `cloudevent`, and wins."""
    process, port = _start("caption", unpacked, installed, FUNCTION_SIGNATURE_TYPE="http")
    try:
        assert _listens(process, port)
        answer = _post(port, "/projects/a-project/topics/uplook-image-events", push_body(b"no image event"))
    finally:
        said = _stop(process)

    assert answer == 200, said
    assert "a malformed event is acknowledged and dropped" in said


def test_a_function_would_not_start_without_its_modules(unpacked: Path, installed: Path, tmp_path: Path) -> None:
    shutil.copytree(unpacked, tmp_path / "cut")
    (tmp_path / "cut" / "shared" / "rules.toml").unlink()
    process, port = _start("caption", tmp_path / "cut", installed)
    try:
        listens = _listens(process, port)
    finally:
        said = _stop(process)

    assert not listens
    assert "rules.toml" in said


def test_the_archive_holds_the_allow_list_and_nothing_else(unpacked: Path) -> None:
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}

    assert files == set(archive.source_files())
    assert {name.partition("/")[0] for name in files} == {"main.py", "requirements.txt", "functions", "shared"}
    assert {"shared/rules.toml", "shared/core/gemini/models.toml", "shared/core/results/result.schema.json"} <= files


def test_everything_that_git_keeps_of_these_folders_is_in_the_archive() -> None:
    """A new kind of file would be missing in the cloud, and only there."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "functions", "shared"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    kept = {name for name in listing.stdout.splitlines() if (ROOT / name).exists()}
    assert kept - set(archive.source_files()) == set()


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name in reversed(archive.source_files()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
        os.utime(copy / name, (1, 1))
        (copy / name).chmod(0o600)

    archive.write(tmp_path / "one.zip")
    archive.write(tmp_path / "two.zip", copy)

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert archive.digest() == archive.digest(copy)


def test_other_sources_have_another_digest(tmp_path: Path) -> None:
    for name in archive.source_files():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    before = archive.digest(tmp_path)

    (tmp_path / "functions" / "workers.py").rename(tmp_path / "functions" / "working.py")

    assert archive.digest(tmp_path) != before


def test_beside_the_archive_lies_the_one_with_the_exporters_of_spans(tmp_path: Path) -> None:
    _litter(tmp_path)

    assert archive.main([], root=tmp_path) == 0

    plain, traced = (
        zipfile.ZipFile(archive.default_path(tmp_path, each)) for each in (archive.NOTHING, archive.TRACING)
    )
    assert plain.filename != traced.filename
    assert plain.namelist() == traced.namelist()
    assert [name for name in plain.namelist() if plain.read(name) != traced.read(name)] == ["requirements.txt"]
    assert traced.read("requirements.txt") == (ROOT / "requirements-tracing.txt").read_bytes()


@pytest.mark.parametrize("tracing", [False, True])
def test_terraform_computes_the_same_digest(tmp_path: Path, *, tracing: bool) -> None:
    _litter(tmp_path)
    expected = archive.digest(tmp_path, archive.TRACING if tracing else archive.NOTHING)

    assert _computed_by_terraform(tmp_path, "source_digest", tracing=tracing) == expected


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"main\.py: expected a file that the build needs"):
        archive.write(tmp_path / "out.zip", tmp_path)


def _litter(folder: Path) -> None:
    for name in (*archive.source_files(), *archive.TRACING.values()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in (
        ".env",
        "README.md",
        "infra/main.tf",
        "tests/main.py",
        "functions/__pycache__/caption.cpython-314.pyc",
        "shared/key.pem",
        "shared/core/.env",
        "shared/.mypy_cache/3.14/a.json",
        "shared/__pycache__/x.json",
        "shared/core/v1.2/a.json",
        "functions/Upper/a.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("not for the cloud")
    shutil.copy(ROOT / ".gcloudignore", folder / ".gcloudignore")


def test_what_tools_leave_behind_is_no_source(tmp_path: Path) -> None:
    _litter(tmp_path)

    assert archive.source_files(tmp_path) == archive.source_files()


def test_a_file_of_an_unusual_name_is_a_source_for_all_three(tmp_path: Path) -> None:
    _litter(tmp_path)
    for name in ("shared/KEY.json", "shared/.hidden.json", "shared/.json", "shared/my-data/a.b.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")

    assert _of_terraform(tmp_path) == _of_git(tmp_path) == archive.source_files(tmp_path)


def _of_git(folder: Path) -> list[str]:
    """Return what `.gcloudignore` lets through: git reads the same patterns."""
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True, capture_output=True)
    argv = ["git", "-C", str(folder), "ls-files", "--others", "--exclude-from=.gcloudignore"]
    return sorted(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines())


def _of_terraform(folder: Path) -> list[str]:
    """Return the sources as `infra/source.tf` computes them."""
    found: list[str] = _computed_by_terraform(folder, "source_files")
    return found


def _computed_by_terraform(folder: Path, name: str, *, tracing: bool = False) -> Any:
    """Return a local of `infra/source.tf`."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    computed = re.search(
        r"^locals \{.*?^\}$", (ROOT / "infra" / "source.tf").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert computed is not None
    (folder / "infra").mkdir(exist_ok=True)
    chosen = f'variable "tracing" {{\n  default = {json.dumps(tracing)}\n}}\n'
    (folder / "infra" / "main.tf").write_text(chosen + computed[0])
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    said = subprocess.run(
        ["terraform", f"-chdir={folder / 'infra'}", "console"],
        input=f"jsonencode(local.{name})\n",
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(json.loads(said.stdout))


def test_terraform_counts_the_same_files(tmp_path: Path) -> None:
    _litter(tmp_path)

    assert _of_terraform(tmp_path) == archive.source_files()


def test_gcloudignore_lets_the_same_files_through(tmp_path: Path) -> None:
    _litter(tmp_path)

    assert _of_git(tmp_path) == archive.source_files()


def test_gcloud_would_upload_the_same_files(tmp_path: Path) -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not installed")
    _litter(tmp_path)
    argv = [gcloud, "meta", "list-files-for-upload", str(tmp_path)]
    listing = subprocess.run(argv, capture_output=True, text=True, check=True)

    assert sorted(listing.stdout.splitlines()) == archive.source_files()


def _checkout(folder: Path) -> Path:
    """Return a copy of the sources that git keeps, with what nobody has added to it."""
    _litter(folder)
    _git(folder, "init", "--quiet")
    _git(folder, "add", *archive.source_files())
    for name in UNTRACKED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"private_key": "not for the cloud"}')
    return folder


UNTRACKED = ("functions/experiment.py", "shared/core/notes.toml", "shared/service-account.json")


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


def _packed(folder: Path) -> list[str]:
    out = folder / "out.zip"
    archive.write(out, folder)
    with zipfile.ZipFile(out) as packed:
        return packed.namelist()


def test_what_git_does_not_track_is_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _checkout(tmp_path)

    assert archive.main([], root=folder) == 0

    said = capsys.readouterr()
    assert _packed(folder) == archive.source_files()
    assert [name for name in UNTRACKED if f"left out, because git does not track it: {name}." in said.err] == [
        *UNTRACKED
    ]
    assert said.out.strip() == str(archive.default_path(folder))


def test_an_ignored_file_is_left_out_too(tmp_path: Path) -> None:
    folder = _checkout(tmp_path)
    (folder / ".gitignore").write_text("service-account.json\n")

    assert set(_packed(folder)) & set(UNTRACKED) == set()


def test_what_is_added_ships(tmp_path: Path) -> None:
    folder = _checkout(tmp_path)
    before = archive.digest(folder)
    _git(folder, "add", UNTRACKED[0])

    assert UNTRACKED[0] in _packed(folder)
    assert archive.digest(folder) != before


def test_a_change_that_is_not_committed_ships_and_what_was_deleted_does_not(tmp_path: Path) -> None:
    folder = _checkout(tmp_path)
    before = archive.digest(folder)
    (folder / "shared" / "logs.py").write_text("# changed\n")
    (folder / "shared" / "command_line.py").unlink()

    assert archive.digest(folder) != before
    assert "shared/command_line.py" not in _packed(folder)


@pytest.mark.parametrize("kept_by", ["nobody", "a repository around it", "a git that is not there"])
def test_where_git_does_not_keep_the_sources_all_is_packed_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kept_by: str
) -> None:
    folder = tmp_path / "download"
    _litter(folder)
    (folder / UNTRACKED[1]).write_text("a = 1\n")
    if kept_by == "a repository around it":
        _git(tmp_path, "init", "--quiet")
    if kept_by == "a git that is not there":
        monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    archive.main([], root=folder)

    assert UNTRACKED[1] in _packed(folder)
    assert "git does not keep these sources: every file below functions and shared" in capsys.readouterr().err


def test_terraform_leaves_out_what_the_archive_leaves_out(tmp_path: Path) -> None:
    folder = _checkout(tmp_path)
    archive.main([], root=folder)

    assert _of_terraform(folder) == archive.source_files(folder) == archive.source_files()
