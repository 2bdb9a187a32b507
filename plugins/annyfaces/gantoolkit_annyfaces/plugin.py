"""Hooks of this plugin: its registry, and the renderer behind `gantoolkit data render annyfaces`."""
from __future__ import annotations

import pathlib

try:
    import pluggy
    hookimpl = pluggy.HookimplMarker('gantoolkit')
except ImportError:                                   # the renderer itself does not need pluggy
    def hookimpl(function):
        """Leave the function as it is."""
        return function


@hookimpl
def manifest():
    """Path of this plugin's registry.yaml."""
    return str(pathlib.Path(__file__).with_name('registry.yaml'))


@hookimpl
def register_commands(subparsers):
    """Add `annyfaces` to the parsers of `data render`."""
    from gantoolkit_annyfaces.__main__ import add_arguments, render_command
    parser = add_arguments(subparsers.add_parser('annyfaces', help='labelled synthetic portraits'))
    parser.set_defaults(run=render_command)
