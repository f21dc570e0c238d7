"""Progress, for a terminal and for a file: what is done, what is being waited for, what is missing."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from infra.local.demo.cells import cut, listed, plain
from shared.core.operating.problems import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, RenderableType

    from infra.local.demo.collect import Outcome

MOST_LINES = 40
"""More results than this are counted, not told one by one."""
QUIET_S = 8.0
_REPEAT_S = 10.0
_FEW = 3
_BAR_CELLS = 24


class Display:
    """Shows progress: bars and a line below them in a terminal, lines every now and then elsewhere."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(_BAR_CELLS),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._note = ""
        self._told_s = float("-inf")
        self._lock = threading.Lock()
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    @property
    def width(self) -> int:
        """Cells that a line has room for."""
        return self._console.width - 2

    def bar(self, what: str, total: int) -> Bar:
        """Begin to count something."""
        return Bar(self, self._bars, what, total)

    def say(self, text: str) -> None:
        """Print one line, cut to the terminal's width."""
        self._console.print(Text(f"  {cut(plain(text), self.width)}"), no_wrap=True, crop=False)

    def waiting(self, text: str) -> None:
        """Show what is being waited for; elsewhere than in a terminal, not more often than every few seconds."""
        if self._console.is_terminal:
            self._note = text
            self._live.refresh()
        elif text:
            self.now_and_then(text)

    def now_and_then(self, text: str) -> None:
        """Print a line where there is no terminal to show bars in, unless another was printed just before."""
        with self._lock:
            if self._console.is_terminal or self._clock() - self._told_s < _REPEAT_S:
                return
            self._told_s = self._clock()
        self.say(text)

    def _render(self) -> RenderableType:
        note = Text(cut(plain(self._note), self.width), style="dim", no_wrap=True)
        return Group(self._bars.get_renderable(), note) if self._note else self._bars.get_renderable()


class Bar:
    """Counts one kind of thing."""

    def __init__(self, display: Display, bars: Progress, what: str, total: int) -> None:
        self.total = total
        self._display, self._bars, self._what, self._shown = display, bars, what, 0
        self._task = bars.add_task(f"{what:8}", total=total)

    def show(self, done: int) -> None:
        """Show how many are done."""
        if done == self._shown:
            return
        self._shown = done
        self._bars.update(self._task, completed=done)
        self._display.waiting("")
        if self.total > MOST_LINES:
            self._display.now_and_then(f"{self._what}: {done} of {self.total}")


def quiet_words(quiet_s: float, timeout_s: float, missing: Sequence[Outcome], cells: int, *, failed: int = 0) -> str:
    """Return one line: how long nothing has come, how long that may be, and what is missing.

    `failed` deliveries since then matter more than the names of what is missing: they say that waiting alone is no use.
    """
    head = f"quiet for {quiet_s:.0f} s of {timeout_s:.0f}; "
    if failed:
        deliveries = counted(failed, "delivery", "deliveries")
        return f"{head}{deliveries} failed, stack.log says why; {len(missing)} missing"
    if not missing:
        return f"{head}missing: the second event of a duplicate"
    head += f"{len(missing)} missing: "
    if len(missing) <= _FEW:
        names = [f"{outcome.task} of {outcome.object_name}" for outcome in missing]
    else:
        names = list(dict.fromkeys(outcome.object_name for outcome in missing))
    return head + listed(names, cells - len(head))
