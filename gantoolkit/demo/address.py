"""Where the page is served: checked before any network is loaded."""

from __future__ import annotations

import socket

from gantoolkit.core.errors import UsageError

FIRST_PORT = 7860


def check_address(host: str, port: int | None) -> None:
    """Raise UsageError if the host is not this machine's, or the port is taken."""
    try:
        (family, kind, protocol, _, place), *_ = socket.getaddrinfo(
            host, port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except (OSError, UnicodeError) as error:
        raise address_error(host, port, error) from None


def address_error(host: str, port: int | None, error: Exception) -> UsageError:
    """Say that the page cannot be served there."""
    return UsageError(
        f"The page cannot be served at {host}:{port or FIRST_PORT} ({error}); "
        "choose another --port or --host."
    )
