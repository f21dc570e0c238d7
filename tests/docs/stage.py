"""Where the documents' commands run: a copy of the repository, real processes, stand-ins for the cloud's programs."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from infra.local import topology
from infra.local.resources import storage_client
from tests.docs.blocks import ROOT, Block
from tests.policy.computed import PROJECT
from tests.policy.deploy_script import dry_run, flags
from tests.services import free_port
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

_TABLE: Final = Path(__file__).with_name("commands.toml")
_STAND_IN: Final = Path(__file__).with_name("stand_in.py")
_PORTS: Final = re.compile(r"\b(8085|8086|8791|9023)\b")
"""The ports that the pages choose: the only thing that is changed in a command, so that a busy port is no failure."""
_DEPLOY: Final[tuple[dict[str, str], ...]] = ({"FORGET": "true"}, {"BACKEND": "developer", "GEMINI_API_KEY": "key"}, {})


class CommandError(AssertionError):
    """A command of a document did not do what the document says."""


class Stage:
    """A copy of the repository in which a reader sits; `said` is what the commands of each page have printed."""

    def __init__(self, folder: Path, photos: Mapping[str, bytes]) -> None:
        self.root = folder / "uplook"
        self.said: dict[str, str] = {}
        self._page = ""
        self._programs = folder / "programs"
        self._exports = folder / "exports.sh"
        self._ports: dict[str, str] = {}
        self._staying: list[subprocess.Popen[str]] = []
        _copy(self.root)
        _programs(self._programs)
        self._env = _environment(folder, self._programs)
        for place in (self.root, folder / "home" / "Pictures" / "holiday"):
            place.mkdir(parents=True, exist_ok=True)
            for name, data in photos.items():
                (place / name).write_bytes(data)

    def run(self, block: Block) -> None:
        """Run a block as a reader would who types it at the repository's root, in the same shell as those before it.

        Every page begins with a new shell, and what stayed from the page before is ended.

        Raises:
            CommandError: A command failed, or did not print what the page shows.
        """
        if block.page != self._page:
            self._begin(block.page)
        text = self._with_free_ports(block.commands)
        if block.language == "python":
            text = f".venv/bin/python - <<'END_OF_THE_BLOCK'\n{text}END_OF_THE_BLOCK\n"
        words = block.until or block.stays
        said = self._started(block, text, words) if words else self._ended(block, text)
        self.said[block.page] = self.said.get(block.page, "") + said
        for line in map(self._with_free_ports, block.printed):
            if line not in said.splitlines():
                raise CommandError(f"{block} shows {line!r}; printed was:\n{said}")

    def command(self, text: str) -> None:
        """Run one command that stands on no page.

        Raises:
            CommandError: It failed.
        """
        self.run(Block(f"({text})", 0, "sh", text))

    def upload(self, name: str, photo: Path) -> None:
        """Upload a photograph to the stack that runs here, and wait for a result of every task."""
        lines = (self.root / ".local" / "stack.env").read_text(encoding="utf-8").splitlines()
        client = storage_client(dict(line.split("=", 1) for line in lines)["STORAGE_EMULATOR_HOST"])
        client.bucket(topology.UPLOADS).blob(name).upload_from_filename(photo)
        folder = f"v1/{topology.UPLOADS}/{name}/"

        def tasks() -> set[str]:
            return {each.name.rpartition("/")[2] for each in client.list_blobs(topology.RESULTS, prefix=folder)}

        wait_until(lambda: tasks() >= {"caption.json", "detect.json", "segment.json"}, f"results of {name}", seen=tasks)

    def leave(self) -> None:
        """End everything that was started here."""
        for state in sorted(self.root.glob(".local/*stack.json")) + sorted(self.root.glob(".local/*/stack.json")):
            self.command(f"make down STATE='{state.parent}'")

    def _begin(self, page: str) -> None:
        self._page = page
        self._ports = {}
        self._exports.write_text("", encoding="utf-8")
        while self._staying:
            _end(self._staying.pop())

    def asked(self) -> list[list[str]]:
        """Return what the stand-ins were asked, in order."""
        log = self._programs / "asked.jsonl"
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []

    def _ended(self, block: Block, text: str) -> str:
        script = f". '{self._exports}'\n{text}\nexport -p >'{self._exports}'\n"
        try:
            ended = self._popen(script)
            said, _ = ended.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            _end(ended)
            raise CommandError(f"{block} did not end within {WAIT_S:.0f} s") from None
        if ended.returncode:
            raise CommandError(f"{block} ended with exit code {ended.returncode}:\n{text}\n{said}")
        return said

    def _started(self, block: Block, text: str, words: str) -> str:
        """Start a block whose last command runs on; return what it printed until it had said these words."""
        log = self._programs / f"said-{block.line}"
        *before, last = text.splitlines()
        script = "\n".join([f". '{self._exports}'", *before, f"export -p >'{self._exports}'", f"exec {last}"])
        with log.open("w", encoding="utf-8") as sink:
            child = self._popen(script, sink=sink)
        try:
            wait_until(
                lambda: words in log.read_text(encoding="utf-8") or child.poll() is not None,
                f"{words!r} of {block}",
                seen=lambda: log.read_text(encoding="utf-8"),
            )
            if child.poll() is not None:
                raise CommandError(f"{block} ended by itself:\n{log.read_text(encoding='utf-8')}")
        except AssertionError:
            _end(child)
            raise
        if block.stays:
            self._staying.append(child)
        else:
            _end(child)
        return log.read_text(encoding="utf-8")

    def _popen(self, script: str, *, sink: IO[str] | int = subprocess.PIPE) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.root,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _with_free_ports(self, text: str) -> str:
        for port in set(_PORTS.findall(text)) - self._ports.keys():
            self._ports[port] = str(free_port())
        return _PORTS.sub(lambda found: self._ports[found[1]], text)


def _end(child: subprocess.Popen[str]) -> None:
    """Press Ctrl-C; insist after a while."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(20)
            break
    if child.stdout:
        child.stdout.close()


def _copy(to: Path) -> None:
    """Copy what git knows, and lend the copy this environment: complete, so that make installs nothing."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    for words in (["init"], ["add", "--all"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "a copy"]):
        subprocess.run(["git", *words], cwd=to, capture_output=True, check=True)
    (to / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        if not path.name.startswith("."):
            (to / ".venv" / path.name).symlink_to(path)
    for stamp in re.findall(r"\$\(VENV\)/(\.\w+)", (to / "Makefile").read_text(encoding="utf-8")):
        (to / ".venv" / stamp).touch()


def _programs(folder: Path) -> None:
    folder.mkdir()
    (folder / "commands.json").write_text(json.dumps(known()), encoding="utf-8")
    # By way of a shell: what stands behind `#!` cannot name a Python in a folder with a space, nor one far down.
    for name in known()["flags"]:
        _script(folder / name, f'exec {shlex.join([sys.executable, "-ISs", str(_STAND_IN)])} "$0" "$@"')
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    if curl := shutil.which("curl"):  # an answer of 400 or 404 is a failure to the reader, too
        _script(folder / "curl", f'exec {shlex.quote(curl)} --fail-with-body "$@"')


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


@cache
def known() -> dict[str, Any]:
    """Return what the stand-ins know: the table, the commands of deploy.sh, Terraform's outputs, and their answers."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    everywhere = table.pop("everywhere")
    for command in (command for environ in _DEPLOY for command in dry_run(**environ)):
        words = [word for word in command[1:] if not word.startswith("--")]
        verb = " ".join(itertools.takewhile(_is_verb, words))
        table[command[0]].setdefault(verb, []).extend(flags(command))
    outputs = re.findall(r'^output "(\w+)"', (ROOT / "infra" / "outputs.tf").read_text(encoding="utf-8"), re.MULTILINE)
    # deploy.sh takes 3 for the version of a secret that is stored; a reader evaluates what Terraform prints.
    answers = dict.fromkeys(table, "3") | {"terraform": "true"}
    return {"flags": table, "everywhere": everywhere, "outputs": outputs, "answers": answers}


def _is_verb(word: str) -> bool:
    """Whether a word is a part of a command, not the name of a resource."""
    return re.fullmatch(r"[a-z]+(?:-[a-z]+)*", word) is not None and word != PROJECT and not word.startswith("uplook")


def _environment(folder: Path, programs: Path) -> dict[str, str]:
    """Return what a reader's shell has: nothing of this test's own, no key, no index to install from."""
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PIP_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "npm_config_offline": "true",
        "no_proxy": "127.0.0.1",
    }
