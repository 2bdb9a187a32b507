"""The server that hands out the page, to this machine unless told otherwise."""

from __future__ import annotations

import os

import gradio as gr

from gantoolkit.demo import painter
from gantoolkit.demo.address import address_error

LARGEST_UPLOAD = "8mb"
SYSTEM_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]


def launch(
    blocks: gr.Blocks, host: str = "127.0.0.1", port: int | None = None, wait: bool = False
) -> str:
    """Serve the page and return its address; `wait` stays until interrupted.

    Raises UsageError if the host or the port cannot be had.
    """
    blocks.queue(max_size=64)
    os.environ.pop("GRADIO_ALLOWED_PATHS", None)  # it would count even beside an empty list
    try:
        _, address, _ = blocks.launch(
            server_name=f"[{host}]" if ":" in host else host,  # IPv6 in brackets
            server_port=port,
            share=False,
            allowed_paths=[],
            max_file_size=LARGEST_UPLOAD,
            quiet=True,
            prevent_thread_lock=True,
            ssr_mode=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            theme=_theme(),
            css=painter.resource("style.css"),
        )
    except OSError as error:
        raise address_error(host, port, error) from None
    print(f"The demo is at {address} (Ctrl+C ends it).", flush=True)
    if wait:
        blocks.block_thread()
    return address


def _theme() -> gr.themes.Base:
    """Return a theme whose fonts are the visitor's own: none is fetched."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="stone",
        font=SYSTEM_FONTS,
        font_mono=["ui-monospace", "monospace"],
    )
