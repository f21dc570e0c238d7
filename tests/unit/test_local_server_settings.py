"""No variable of a person's shell reaches the server of a function: each one that it reads is kept from it."""

from __future__ import annotations

import re
from pathlib import Path

import functions_framework

from infra.local.process import without_server_settings

ARGUMENTS = {"HOST", "PORT", "K_SERVICE"}
"""Given on the command line, where they count more; the last one is read with `ENTRY_POINT` alone, which is dropped."""


def read_by_the_server() -> set[str]:
    """Return the names of environment variables in the source of functions-framework."""
    sources = Path(functions_framework.__file__).parent.rglob("*.py")
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    return set(re.findall(r"""(?:os\.environ\.get\(|os\.getenv\(|os\.environ\[|envvar=)\s*["'](\w+)["']""", text))


def test_what_functions_framework_reads_is_not_taken_from_the_shell() -> None:
    read = read_by_the_server()
    assert {"DEBUG", "WORKERS", "THREADS", "FUNCTION_TARGET"} <= read
    assert set(without_server_settings(dict.fromkeys(read, "set"))) <= ARGUMENTS


def test_everything_else_is_kept() -> None:
    others = {"PATH": "/bin", "HTTPS_PROXY": "http://proxy.invalid", "MY_DEBUG": "1"}
    assert without_server_settings(others | {"DEBUG": "app:*"}) == others
