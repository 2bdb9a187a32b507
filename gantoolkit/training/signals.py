"""Stop on request: the first SIGINT or SIGTERM asks for a checkpoint, the second ends at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def signals_to(handler: Callable) -> Iterator[None]:
    """Give SIGINT and SIGTERM to `handler(number, frame)` inside."""
    old_handlers = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                old_handlers[number] = signal.signal(number, handler)
            except ValueError:  # not the main thread: the owner of that thread decides
                break
        yield
    finally:
        for number, old_handler in old_handlers.items():
            signal.signal(number, old_handler)


@contextmanager
def stop_on_signal(request_stop: Callable[[], None]) -> Iterator[None]:
    """Call `request_stop` at the first signal inside; raise KeyboardInterrupt at the second."""
    received = []

    def handle(number, frame) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        request_stop()

    with signals_to(handle):
        yield
