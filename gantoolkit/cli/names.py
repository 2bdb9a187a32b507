"""Arguments of the verbs about what there is: `list`, `show`, `examples`, `doctor`, `new`, …"""

from __future__ import annotations

from gantoolkit.cli import options


def add(verbs) -> None:
    """Add these verbs."""
    listing = options.add_verb(
        verbs,
        "list",
        "gantoolkit.cli.list_show:list_",
        "list components, configs, presets, weights, plugins",
    )
    listing.add_argument(
        "kind", nargs="?", metavar="KIND", help="generators, losses, configs, plugins, …"
    )
    show = options.add_verb(
        verbs,
        "show",
        "gantoolkit.cli.list_show:show",
        "explain a component, weights or a preset; resolve a config; list the words of prompts",
    )
    show.add_argument(
        "name",
        metavar="NAME|CONFIG",
        help="a name that list prints, a config, a run folder, or `words`",
    )
    show.add_argument("overrides", nargs="*", metavar="key=value", help="for a config")

    examples = options.add_verb(
        verbs,
        "examples",
        "gantoolkit.cli.example_faces:main",
        "list the masks, scribbles and prompts of the package, or copy them",
    )
    examples.add_argument("--out", metavar="DIR", help="copy all of them there")

    doctor = options.add_verb(
        verbs, "doctor", "gantoolkit.cli.doctor:main", "check that this installation works"
    )
    doctor.add_argument("--quick", action="store_true", help="import nothing and hash no weights")
    _add_new(verbs)
    _add_plugin(verbs)


def _add_new(verbs) -> None:
    new = verbs.add_parser("new", help="start something of your own")
    things = new.add_subparsers(title="things", metavar="THING", required=True)
    plugin = options.add_verb(
        things,
        "plugin",
        "gantoolkit.cli.new_plugin:main",
        "write a pip-installable plugin with one component",
    )
    plugin.add_argument("name", metavar="NAME", help="lower-case letters, digits, - and _")
    plugin.add_argument(
        "--kind",
        choices=("generator", "bridge", "encoder", "loss", "metric", "task"),
        default="generator",
        help="of its component",
    )
    plugin.add_argument("--out", metavar="DIR", help="where its folder is made (default: here)")


def _add_plugin(verbs) -> None:
    plugin = verbs.add_parser("plugin", help="test a plugin of your own")
    actions = plugin.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = options.add_verb(
        actions,
        "check",
        "gantoolkit.contracts.command:main",
        "import a plugin, and test every component by the contract of its kind",
    )
    check.add_argument("folder", metavar="DIR", help="its project folder, with pyproject.toml")
