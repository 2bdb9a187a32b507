"""The parser of all verbs. What a verb does is imported when it is used.

`--help`, `list` and `show NAME` import neither torch nor mmengine nor a plugin's code.
"""

from __future__ import annotations

import argparse

from gantoolkit import __version__
from gantoolkit.cli import (
    bench,
    cache,
    data,
    examples,
    figures,
    generate,
    names,
    options,
    run,
    weights,
)

EPILOG = "Errors are one sentence; --debug shows the traceback. Documentation: {docs}."
DESCRIPTION = "Faces from text and masks: a diffusion model steers a pre-trained 2D or 3D GAN."


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse a command line; key=value may stand anywhere after the verb."""
    root = parser(arguments)
    args, rest = root.parse_known_args(arguments)
    if hasattr(args, "overrides"):
        overrides = [word for word in rest if "=" in word and not word.startswith("-")]
        args.overrides += overrides
        rest = [word for word in rest if word not in overrides]
    if rest:
        root.error(
            f"unrecognized arguments: {' '.join(rest)}; see 'gantoolkit {arguments[0]} --help'"
        )
    return args


def parser(arguments: list[str]) -> argparse.ArgumentParser:
    """Build the parser of all verbs.

    Plugins' code is imported only where `arguments` may need it.
    """
    root = options.Parser(
        prog="gantoolkit", epilog=EPILOG.format(docs=_docs()), description=DESCRIPTION
    )
    root.add_argument("--version", action="version", version=f"gantoolkit {__version__}")
    root.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = root.add_subparsers(title="verbs", metavar="VERB", required=True)

    run.add(verbs)
    generate.add(verbs)
    names.add(verbs)
    bench.add(verbs)
    figures.add(verbs)
    weights.add(verbs)
    cache.add(verbs)
    data_actions, render_sources = data.add(verbs)

    subparsers = {"": verbs, "data": data_actions, "data render": render_sources}
    words = [word for word in arguments if not word.startswith("-")]
    _add_commands_of_plugins(words, subparsers)
    examples.add(root)
    return root


def _docs() -> str:
    """Say where the documentation lies: in this checkout, else in the repository."""
    from gantoolkit.registry import manifest

    root = manifest.checkout_root()
    if root and (root / "docs" / "index.md").is_file():
        return str(root / "docs" / "index.md")
    return "docs/index.md in the repository of gantoolkit; here: VERB --help, and 'show NAME'"


def _add_commands_of_plugins(words: list[str], subparsers: dict) -> None:
    """Ask plugins for their commands where the words of a command line may be one of those."""
    if not words:
        return
    verb = words[0]
    may_be_a_plugins = verb == "data" or verb not in subparsers[""].choices
    if may_be_a_plugins and _plugins_promise(verb):
        from gantoolkit.registry.plugins import hooks

        hooks().register_commands(subparsers=subparsers)

    known = subparsers["data render"].choices
    if words[:2] == ["data", "render"] and len(words) > 2 and words[2] not in known:
        from gantoolkit.core.errors import UsageError
        from gantoolkit.registry import messages

        raise UsageError(messages.unknown_command("data render", words[2], known))


def _plugins_promise(verb: str) -> bool:
    """Whether a registry.yaml promises a command that begins with this verb."""
    from gantoolkit.registry import manifest

    return any(command.split()[0] == verb for command in manifest.load().commands)
