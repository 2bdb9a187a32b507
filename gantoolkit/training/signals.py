"""A stop on request: the first SIGINT or SIGTERM asks for a checkpoint and a stop, the second ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable


class Interrupt:
    """Context manager: inside it the first signal calls `ask`, a second one raises KeyboardInterrupt."""

    def __init__(self, ask: Callable[[], None]):
        self.ask, self.asked, self.old = ask, False, {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.old[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread: the owner of that thread decides
                break
        return self

    def _handle(self, number, frame) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.ask()

    def __exit__(self, *_) -> None:
        for number, handler in self.old.items():
            signal.signal(number, handler)
