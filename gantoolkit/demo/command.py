"""`gantoolkit demo`: the page of some trained runs, on this machine unless told otherwise."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from importlib.util import find_spec

from gantoolkit.core.errors import UsageError
from gantoolkit.demo.address import check_address

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
PORTS = ("GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS")


def main(args) -> int:
    """Run `gantoolkit demo`: load the first run, open the page, stay until interrupted."""
    require_gradio()
    forget_proxies()
    forget_ports()
    check_address(args.host, args.port)
    from gantoolkit.core.distributed import pick_device
    from gantoolkit.core.threads import use_threads
    from gantoolkit.demo.models import Models, offered

    use_threads(args.threads)
    models = Models(offered(args.sources), pick_device(args.device))
    # a stop from outside removes the temporary folder, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="gantoolkit-demo-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = f"{folder}/served"  # all that the server hands out
        from gantoolkit.demo import layout
        from gantoolkit.demo.page import Page
        from gantoolkit.demo.server import launch

        print(f"Loading {models.names()[0]} …", flush=True)
        page = Page(models, folder)
        page.warm_up()
        launch(layout.build(page), args.host, args.port, wait=True)
    return 0


def forget_proxies() -> None:
    """Take proxies out of this process's environment, before gradio reads them.

    All requests of the demo go to this machine, where a proxy answers wrongly or not at all, and
    httpx ends on schemes and on entries of no_proxy that it does not know.
    """
    for name in PROXIES:
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


def forget_ports() -> None:
    """Let --port alone decide; gradio ends in an exception where these are not numbers."""
    for name in PORTS:
        os.environ.pop(name, None)


def require_gradio() -> None:
    """Raise UsageError if the extra `demo` is not installed."""
    if find_spec("gradio") is None:
        raise UsageError(
            "`gantoolkit demo` needs the Python package 'gradio', which is not installed; "
            "type: pip install 'gantoolkit[demo]'."
        )
