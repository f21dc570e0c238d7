"""What every command of ours does alike: how it ends, and how it reads a task's name."""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import io
import os
import sys
from typing import TYPE_CHECKING

from shared.core import naming

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEME = "gs://"

DONE, FAILED, INCOMPLETE, INTERRUPTED = 0, 1, 3, 130
"""Exit codes; 2 is argparse's, for wrong usage."""


def collect_garbage_seldom() -> None:
    """Let a process that ends soon look for circles of garbage seldom: else a quarter of what a command does is that.

    Python looks every 700 objects; documents and plans are many, and hardly any is part of a circle.
    """
    gc.set_threshold(_NEW_OBJECTS)


_NEW_OBJECTS = 50_000


def escape_what_cannot_be_shown() -> None:
    """Write what stdout's encoding lacks as an escape, as Python does on stderr: no command ends at an ellipsis.

    It is for words. What programs read does not depend on a terminal: it is written in UTF-8, or is ASCII.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def run_to_exit_code(
    work: Callable[[], int], *, failures: tuple[type[Exception], ...], tell: Callable[[Exception], None]
) -> int:
    """Do the work and return its exit code; `failures` are told and end it, whatever else is raised is a bug."""
    try:
        code = work()
        sys.stdout.flush()
    except failures as error:
        tell(error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has enough (`| head`); what is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def is_stopped(work: Callable[[], None]) -> bool:
    """Do the work, and return whether Ctrl-C ended it: then the command says what it has, and ends as INTERRUPTED."""
    try:
        work()
    except KeyboardInterrupt:
        return True
    return False


def task_name(text: str) -> str:
    """Read an option that names a task.

    Raises:
        argparse.ArgumentTypeError: it is no such name.
    """
    if not naming.is_task_name(text):
        raise argparse.ArgumentTypeError(f"expected the name of a task, such as detect, found {text!r}")
    return text


def moment(text: str) -> dt.datetime:
    """Read an option that names a time: ISO 8601, UTC unless it says otherwise; a date alone is its first moment.

    >>> moment("2026-11-21"), moment("2026-11-21T09:00+01:00").isoformat()
    (datetime.datetime(2026, 11, 21, 0, 0, tzinfo=datetime.timezone.utc), '2026-11-21T09:00:00+01:00')

    Raises:
        argparse.ArgumentTypeError: it is no such time.
    """
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected a date or a time in UTC, such as 2026-11-21 or 2026-11-21T08:00, found {text!r}"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def bucket_address(text: str, *, form: str) -> str:
    """Read an option that names a place in a bucket; `form` is what is expected, such as `gs://BUCKET[/FOLDER]`.

    Raises:
        argparse.ArgumentTypeError: it is no such place.
    """
    if not text.startswith(SCHEME) or not naming.is_bucket_name(text.removeprefix(SCHEME).partition("/")[0]):
        raise argparse.ArgumentTypeError(f"expected {form}, found {text!r}")
    return text


def above_zero(text: str, *, what: str) -> float:
    """Read an option that is a finite number above 0, such as seconds; `what` names it in plural.

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected {what} above 0, found {text!r}")
    return number
