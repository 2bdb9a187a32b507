"""Hooks of this plugin: the renderer behind `gantoolkit data render annyfaces`."""

from __future__ import annotations

from gantoolkit import hookimpl

EXAMPLES = """examples:
  gantoolkit data render annyfaces --count 100 --out faces.zip
  gantoolkit data render annyfaces --count 40 --views 3 --domain marble --out marble.zip"""


@hookimpl
def register_commands(subparsers):
    """Add `annyfaces` to the parsers of `data render`."""
    from gantoolkit_annyfaces.__main__ import add_arguments, render_command

    actions = subparsers["data render"]
    parser = actions.add_parser("annyfaces", help="labelled synthetic portraits", epilog=EXAMPLES)
    add_arguments(parser)
    parser.set_defaults(command=render_command)
