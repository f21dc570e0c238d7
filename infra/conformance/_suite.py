"""What every conformance run needs: the client's source release, a virtual environment, pytest, and a verdict.

Everything it fetches or makes lies below `.local/conformance/` and is used again by the next run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from infra.local.process import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".local" / "conformance"
_LOCK = ROOT / "requirements-conformance.txt"
TEST_TIMEOUT_S = 120
"""After which one test counts as failed (pytest-timeout)."""


class SuiteError(Exception):
    """The suite could not be run at all; the message holds what was tried and the end of its output."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run compares with the checked-in list of expected failures; names are `module::test`."""

    counts: Mapping[str, int]
    """How many tests `passed`, `failed` or were `skipped`."""
    surprises: tuple[str, ...]
    """Tests that failed, and are not listed."""
    mended: tuple[str, ...]
    """Tests that are listed, and passed."""
    unknown: tuple[str, ...]
    """Names in the list that no test that ran to its end has: renamed, deselected or skipped now."""

    @property
    def good(self) -> bool:
        """Whether exactly the listed tests failed."""
        return not (self.surprises or self.mended or self.unknown)

    def summary(self) -> str:
        """Return what a person reads at the end of the run."""
        total = ", ".join(f"{self.counts.get(each, 0)} {each}" for each in ("passed", "failed", "skipped"))
        problems = (
            ("failed, but are not expected to", self.surprises),
            ("passed, but are listed as expected failures: remove them from the list", self.mended),
            ("are listed as expected failures, but did not run: correct the list", self.unknown),
        )
        found = [f"{len(names)} tests {text}:\n  " + "\n  ".join(names) for text, names in problems if names]
        return "\n".join([total, *(found or ["Exactly the expected tests failed."])])


def conclude(
    package: str,
    expected_failures: Path,
    read_outcomes: Callable[[], Mapping[str, str]],
    *,
    tests: str = "system tests",
) -> int:
    """Print how a package's own tests ended; 1 if others failed than those that are listed.

    `read_outcomes` runs them and returns what `run_pytest` returns.
    """
    try:
        outcomes = read_outcomes()
    except (SuiteError, ServiceError) as error:
        print(error, file=sys.stderr)
        return 1
    verdict = judge(outcomes, read_expected(expected_failures))
    print(f"{package} {version(package)}, {tests}: {verdict.summary()}")
    return 0 if verdict.good else 1


def download_sdist(package: str) -> Path:
    """Return a fresh copy of the unpacked source release that is installed here; the archive is fetched once."""
    release = version(package)
    folder = CACHE / "sdists" / f"{package}-{release}"
    if not _archives(folder):
        options = ("--no-deps", "--no-binary", ":all:", "--quiet", "--disable-pip-version-check")
        _run(sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), f"{package}=={release}")
    unpacked = folder / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(_archives(folder)[0]) as archive:
        archive.extractall(unpacked, filter="data")
    return next(unpacked.iterdir())


def make_venv() -> Path:
    """Return the Python of a virtual environment that holds exactly what the suites' lock lists; made once per lock."""
    folder = CACHE / "venv" / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:12]
    python, stamp = folder / "bin" / "python", folder / "installed"
    with _alone(folder.with_suffix(".lock")):
        if not stamp.exists():
            venv.create(folder, clear=True, with_pip=True)
            pip = (str(python), "-m", "pip", "--quiet", "--disable-pip-version-check")
            _run(
                *pip, "install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(_LOCK)
            )
            _run(*pip, "check")
            stamp.touch()
    return python


def run_pytest(
    python: Path,
    folder: Path,
    tests: Sequence[str],
    *,
    env: Mapping[str, str],
    options: Sequence[str] = (),
) -> dict[str, str]:
    """Run `tests`, paths below `folder`, and return what became of each: `passed`, `failed` or `skipped`.

    Only `env`, PATH and HOME reach the tests: no credentials, no settings of the person's own. Their output goes to
    `pytest.log` in `folder`.

    Raises:
        SuiteError: pytest came to no result.
    """
    report, log = folder / "results.xml", folder / "pytest.log"
    # Without a file of its own, pytest would take the settings of this repository, which lies above.
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [str(python), "-m", "pytest", *tests, f"--junit-xml={report}", f"--timeout={TEST_TIMEOUT_S}", *options]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with log.open("w") as sink:
        subprocess.run(command, cwd=folder, env={**kept, **env}, stdout=sink, stderr=subprocess.STDOUT, check=False)
    if not report.exists():
        raise SuiteError(f"pytest wrote no results; the end of {log}:\n{log.read_text()[-2000:]}")
    return read_results(report)


def read_results(report: Path) -> dict[str, str]:
    """Return the outcome of every test in a JUnit XML file; a test that also broke in its teardown has failed."""
    results: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written by our own pytest a moment ago
        name = f"{case.get('classname')}::{case.get('name')}"
        found = {child.tag for child in case}
        bad = bool(found & {"failure", "error"}) or results.get(name) == "failed"
        results[name] = "failed" if bad else "skipped" if "skipped" in found else "passed"
    return results


def read_expected(path: Path) -> frozenset[str]:
    """Return the names in a list of expected failures: one a line, `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line)


def judge(results: Mapping[str, str], expected_failures: frozenset[str]) -> Verdict:
    """Compare what happened with what was expected."""
    failed = {name for name, outcome in results.items() if outcome == "failed"}
    passed = {name for name, outcome in results.items() if outcome == "passed"}
    return Verdict(
        counts=Counter(results.values()),
        surprises=tuple(sorted(failed - expected_failures)),
        mended=tuple(sorted(passed & expected_failures)),
        unknown=tuple(sorted(expected_failures - failed - passed)),
    )


def _archives(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tar.gz"))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SuiteError(f"{' '.join(command)} exited with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file: two suites may want the same environment at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
