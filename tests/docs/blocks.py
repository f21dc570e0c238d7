"""The fenced blocks and the inline commands of the documents, with what a comment above a block says of it.

A comment is invisible to readers and stands directly above the fence:

- `<!-- not run: REASON -->`: the block is only checked, for one of the reasons in `REASONS`;
- `<!-- until: WORDS -->`: its last command runs until it has printed these words, and then gets Ctrl-C;
- `<!-- stays: WORDS -->`: its last command prints these words and runs on until the end of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
SHELL: Final = frozenset({"sh", "bash", "console"})
OTHERS: Final = frozenset({"hcl", "json", "sql", "text", "toml", ""})
"""Languages of blocks that hold no command: data, and what a command prints."""

REASONS: Final = frozenset(
    {
        "it costs money",
        "it needs Google's Pub/Sub emulator",
        "it needs another emulator from the package index",
        "it needs a package that Uplook does not install",
        "it runs in tests/contract/test_consumer_docs.py",
    }
)
"""Why a block may not run. What needs the cloud is no reason: it runs against stand-ins."""

_FENCE = re.compile(r"^(?: *)```(\w*)$")
_COMMENT = re.compile(r"^<!-- (not run|until|stays): (.+) -->$")
_PROMPT = "$ "


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `page` is relative to the repository, `line` that of its opening fence."""

    page: str
    line: int
    language: str
    text: str
    not_run: str | None = None
    until: str | None = None
    stays: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> str:
        """What a reader types: all of the block, or what stands behind the prompts of a console."""
        if self.language != "console":
            return self.text
        return "".join(f"{line[2:]}\n" for line in self.text.splitlines() if line.startswith(_PROMPT))

    @property
    def printed(self) -> tuple[str, ...]:
        """What a console shows as printed."""
        lines = self.text.splitlines() if self.language == "console" else []
        return tuple(line for line in lines if not line.startswith(_PROMPT))


def pages() -> list[str]:
    """Return every document with commands for a reader, the README first."""
    named = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    found = [*(path for path in named if path.exists()), *sorted((ROOT / "docs").rglob("*.md"))]
    return [path.relative_to(ROOT).as_posix() for path in found]


def blocks(page: str, text: str | None = None) -> list[Block]:
    """Return the fenced blocks of a page in its order; `text` is another text of the page.

    Raises:
        ValueError: A fence is never closed.
    """
    return list(_blocks(page, (text if text is not None else read(page)).splitlines()))


def read(page: str) -> str:
    """Return a page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    opened: int | None = None
    language = ""
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, language = number, fence[1]
        elif opened is not None and line.strip() == "```":
            said = _COMMENT.match(lines[opened - 1]) if opened else None
            notes = {said[1].replace(" ", "_"): said[2]} if said else {}
            inside = "".join(f"{each}\n" for each in lines[opened + 1 : number])
            yield Block(page, opened + 1, language, inside, **notes)
            opened = None
    if opened is not None:
        raise ValueError(f"{page}:{opened + 1}: the fence is never closed")


def typed(page: str) -> list[Block]:
    """Return the blocks of a page that run."""
    return [block for block in blocks(page) if block.language in {*SHELL, "python"} and not block.not_run]


def inline(page: str, text: str | None = None) -> list[str]:
    """Return the code in a page's sentences and tables, without the fenced blocks."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text if text is not None else read(page), flags=re.MULTILINE | re.DOTALL)
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose)]
