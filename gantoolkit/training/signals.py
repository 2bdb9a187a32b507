"""Stop on request: the first SIGINT or SIGTERM asks for a checkpoint, the second ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable


class Interrupt:
    """Call `request_stop` at the first signal inside; raise KeyboardInterrupt at the second."""

    def __init__(self, request_stop: Callable[[], None]):
        self.request_stop = request_stop
        self.requested = False
        self.old_handlers = {}

    def __enter__(self) -> Interrupt:
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.old_handlers[signal_number] = signal.signal(signal_number, self._handle)
            except ValueError:  # not the main thread: the owner of that thread decides
                break
        return self

    def _handle(self, signal_number, frame) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self.request_stop()

    def __exit__(self, *_) -> None:
        for signal_number, handler in self.old_handlers.items():
            signal.signal(signal_number, handler)
