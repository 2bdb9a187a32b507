"""What the screen shows of long work: a bar on a terminal, rare plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

SECONDS_BETWEEN_LINES = 15.0
MAX_TEXT = 90  # columns beside a bar


def _duration(seconds: float) -> str:
    """Seconds as M:SS or H:MM:SS."""
    minutes, seconds = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


class Progress:
    """Reports named jobs with their remaining time.

    quiet  print nothing, as in processes other than the first
    """

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self.terminal = sys.stderr.isatty() and not quiet
        self._bar = None
        self._task = None
        self._name = ""
        self._total = 0
        self._first = 0  # steps that were done before
        self._start = 0.0
        self._last_line = 0.0

    @contextmanager
    def bar(self, name: str, total: int, done: int = 0) -> Iterator[Progress]:
        """Show a job of `total` steps of which `done` were done before."""
        self._begin(name, total, done, SECONDS_BETWEEN_LINES)
        if self.terminal:
            self._bar = _make_bar()
            self._bar.start()
            self._task = self._bar.add_task(name, total=total, completed=done, text="")
        try:
            yield self
        finally:
            if self._bar:
                self._bar.stop()
                self._bar = None

    def _begin(self, name: str, total: int, done: int, first_line_after: float) -> None:
        self._name = name
        self._total = total
        self._first = done
        self._start = time.monotonic()
        self._last_line = self._start - first_line_after

    def advance(self, done: int, losses: Mapping[str, float] | None = None) -> None:
        """Show that the present job has done `done` steps, with `losses` beside it."""
        if self.quiet:
            return
        text = "  ".join(f"{name} {value:.4g}" for name, value in (losses or {}).items())
        if self._bar:
            self._bar.update(self._task, completed=done, text=text[:MAX_TEXT])
            return
        now = time.monotonic()
        if now - self._last_line < SECONDS_BETWEEN_LINES and done < self._total:
            return
        self._last_line = now
        speed = (done - self._first) / max(1e-9, now - self._start)
        left = f"{_duration((self._total - done) / speed)} left" if speed else ""
        self.say(f"{self._name} {done}/{self._total}  {speed:.2f}/s  {left}  {text}")

    def say(self, text: str) -> None:
        """Print one line on stderr."""
        if self.quiet:
            return
        if self._bar:
            self._bar.console.print(text, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def __call__(self, name: str, done: int, total: int) -> None:
        """Report a named job in plain lines: the callback of `Task.prepare`."""
        if name != self._name or done == 0:
            self._begin(name, total, done, SECONDS_BETWEEN_LINES / 2)
        self._total = total
        self.advance(done)


def _make_bar():
    """A bar of rich on stderr."""
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
    )
