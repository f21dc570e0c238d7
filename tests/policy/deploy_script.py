"""What `infra/deploy.sh --dry-run` says, in words and flags."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.policy.expanded import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = str(ROOT / "infra" / "deploy.sh")


def dry_run(**environ: str) -> list[list[str]]:
    """Return the commands that a fresh project would need, in words."""
    ended = subprocess.run(
        [SCRIPT, "--dry-run", "deploy", PROJECT],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return [shlex.split(line) for line in ended.stdout.splitlines() if not line.startswith("#")]


def flags(command: list[str]) -> dict[str, str]:
    """Return `--name=value` as a mapping."""
    return {name: value for name, _, value in (word.partition("=") for word in command) if name.startswith("--")}


def environment(stated: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a function's flags set."""
    return dict(pair.split("=", 1) for pair in stated["--set-env-vars"].removeprefix("^;^").split(";"))
