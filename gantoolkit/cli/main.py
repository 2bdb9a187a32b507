"""One command of `gantoolkit`: parse it, run it, turn errors into a sentence and an exit code."""

from __future__ import annotations

import argparse
import errno
import sys
from importlib import import_module

from gantoolkit.cli.verbs import parse

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    _print_anything()
    try:
        _check_arguments(arguments)
        words = [word for word in arguments if word != "--debug"]
        args = parse(words or ["--help"])
        args.debug = debug
        return call(args) or 0
    except Exception as error:
        if debug:
            raise
        print(f"gantoolkit: {sentence(error)}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    except KeyboardInterrupt:
        print("gantoolkit: interrupted.", file=sys.stderr)
        return 130


def _print_anything() -> None:
    """Let a terminal that knows few characters show the others as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _check_arguments(arguments: list[str]) -> None:
    """Refuse arguments that are not UTF-8: no manifest or record could hold them."""
    from gantoolkit.core.errors import UsageError
    from gantoolkit.core.text import check_text

    for word in arguments:
        check_text(word, f"The argument {ascii(word)}", UsageError)


def call(args: argparse.Namespace) -> int | None:
    """Import and run the command of a verb: a function, or "module:function"."""
    command = args.command
    if isinstance(command, str):
        module, _, function = command.partition(":")
        command = getattr(import_module(module), function)
    return command(args)


def sentence(error: Exception) -> str:
    """Say an exception in one sentence."""
    from gantoolkit.core.errors import GantoolkitError
    from gantoolkit.registry.messages import moved_module

    if isinstance(error, GantoolkitError):
        return str(error)
    if moved := moved_module(error):
        return f"{error}{moved}."
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        if not package.startswith("gantoolkit"):
            return (
                f"This needs the Python package '{package}', which is not installed; "
                "install it with pip."
            )
    if isinstance(error, BrokenPipeError):
        return "the reader of the output went away."
    if isinstance(error, OSError) and error.strerror:
        return _os_error(error)
    text = " ".join(str(error).split())[:400]
    end = "" if text.endswith(".") else "."
    return f"{type(error).__name__}: {text}{end} Repeat with --debug for the traceback."


def _os_error(error: OSError) -> str:
    from gantoolkit.core.files import cache_advice

    if error.filename and (advice := cache_advice(error.filename)):
        return f"{error.filename}: {error.strerror.lower()}; {advice}."
    if error.errno in DISK_FULL:
        where = f" ({error.filename})" if error.filename else ""
        return (
            f"The disk is full{where}; free some space, or choose another folder with --out, "
            "and repeat."
        )
    return f"{error.filename or 'A file'}: {error.strerror.lower()}."


if __name__ == "__main__":
    sys.exit(main())
