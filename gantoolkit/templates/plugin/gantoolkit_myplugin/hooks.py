"""Hooks of this plugin (docs/plugins.md of gantoolkit lists them all).

A hook takes any subset of its arguments.
"""

from __future__ import annotations

from gantoolkit import hookimpl


@hookimpl
def run_finished(run, record) -> None:
    """Leave a word in the log of every run."""
    print(f"myplugin saw the end of {run.folder}")
