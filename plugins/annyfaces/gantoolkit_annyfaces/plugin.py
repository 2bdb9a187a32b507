"""Hooks of this plugin: the renderer behind `gantoolkit data render annyfaces`."""
from __future__ import annotations

from gantoolkit.registry.plugins import hookimpl


@hookimpl
def register_commands(subparsers):
    """Add `annyfaces` to the parsers of `data render`."""
    from gantoolkit_annyfaces.__main__ import add_arguments, render_command
    parser = add_arguments(subparsers['data render'].add_parser('annyfaces', help='labelled synthetic portraits'))
    parser.set_defaults(command=render_command)
