"""What the screen shows while something long runs: a bar on a terminal, rare plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager

LINE_EVERY = 15.0  # seconds between plain lines


def _span(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return (
        f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
        if minutes >= 60
        else f"{minutes}:{seconds:02d}"
    )


class Progress:
    """Reports named jobs with remaining time; silent in processes other than the first."""

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self.terminal = sys.stderr.isatty() and not quiet
        self._bar = self._job = None
        self._name, self._total, self._first, self._began, self._line = "", 0, 0, 0.0, 0.0

    @contextmanager
    def bar(self, name: str, total: int, done: int = 0):
        """A job of `total` steps of which `done` were done before."""
        self._name, self._total, self._first = name, total, done
        self._began, self._line = time.monotonic(), time.monotonic() - LINE_EVERY
        if self.terminal:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[text]}"),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._job = self._bar.add_task(name, total=total, completed=done, text="")
        try:
            yield self
        finally:
            if self._bar:
                self._bar.stop()
                self._bar = None

    def advance(self, done: int, losses: dict[str, float] | None = None) -> None:
        """The present job has `done` steps behind it; `losses` are shown beside."""
        if self.quiet:
            return
        text = "  ".join(f"{name} {value:.4g}" for name, value in (losses or {}).items())
        if self._bar:
            self._bar.update(self._job, completed=done, text=text[:90])
            return
        now = time.monotonic()
        if now - self._line >= LINE_EVERY or done >= self._total:
            self._line = now
            speed = (done - self._first) / max(1e-9, now - self._began)
            left = f"{_span((self._total - done) / speed)} left" if speed else ""
            self.say(f"{self._name} {done}/{self._total}  {speed:.2f}/s  {left}  {text}")

    def say(self, text: str) -> None:
        """One line on stderr."""
        if self.quiet:
            return
        if self._bar:
            self._bar.console.print(text, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def __call__(self, name: str, done: int, total: int) -> None:
        """The callback of `Task.prepare`: plain reporting of a named job."""
        if name != self._name or done == 0:
            self._name, self._total, self._first = name, total, done
            self._began, self._line = time.monotonic(), time.monotonic() - LINE_EVERY / 2
        self._total = total
        self.advance(done)
