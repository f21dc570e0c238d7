"""Six faults of a deployment, planted one by one, and how a person mends each by what `status` says.

A command is taken from the output as it stands there, and typed as a person would.
"""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from shared.operate.status_text import COMMAND

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROBLEM = re.compile(r"^\d+\. ", re.MULTILINE)


def problems_in(text: str) -> list[str]:
    """Return the numbered parts of what `status` prints, each on one line of single spaces but for its command."""
    starts = [match.start() for match in _PROBLEM.finditer(text)]
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def told(problem: str) -> str:
    """Return what is said of a problem, without its line breaks."""
    return " ".join(problem.split())


def command_in(problem: str) -> Sequence[str]:
    """Return the words of the one command that a problem names: the line that stands in farthest."""
    [line] = [line for line in problem.splitlines() if line.startswith(COMMAND)]
    return shlex.split(line)
