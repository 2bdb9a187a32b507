"""Options of the command line: numbers within bounds, devices.

A mistake is one sentence (UsageError).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from gantoolkit.core.errors import UsageError
from gantoolkit.core.limits import LAST_TIME, MAX_SEED, choice_problem, number_problem
from gantoolkit.core.suggest import did_you_mean, unknown_device

EXAMPLES = "examples:\n"  # what an epilog begins with that is not wrapped
Number = TypeVar("Number", int, float)
MAY_BE_EMPTY = ("text", "negative_prompt")  # prompts; an empty path would be the current folder


class Formatter(argparse.HelpFormatter):
    """argparse's help, with the default of every option and examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if not action.option_strings or "default" in text or action.default == argparse.SUPPRESS:
            return text
        if action.required:
            return f"{text} (required)"
        return f"{text} (default: {_shown_default(action.default)})"

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(EXAMPLES):
            return text
        return super()._fill_text(text, width, indent)


def _shown_default(value: object) -> str:
    if value is False:
        return "off"
    return str(value) if value or value == 0 else "none"


class Parser(argparse.ArgumentParser):
    """argparse with the errors of the project: a sentence, with the help to look at."""

    def __init__(self, *args, formatter_class=Formatter, **options):
        super().__init__(*args, formatter_class=formatter_class, **options)

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ").replace(": must ", " must ", 1)
        raise UsageError(f"{message}; see '{self.prog} --help'.")

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ):
        """As argparse, but the verb that lacks an option says that it does not exist."""
        parsed, rest = super().parse_known_args(args, namespace)
        for word in rest:
            if word.startswith("-"):
                name = word.partition("=")[0]
                known = self._option_string_actions
                self.error(f"there is no option '{name}'{did_you_mean(name, known)}")
        return parsed, rest

    def _check_value(self, action: argparse.Action, value) -> None:
        if value == "" and action.dest not in MAY_BE_EMPTY:
            raise argparse.ArgumentError(
                action, "must not be empty; give a value, or leave it out where it is optional"
            )
        if action.choices is None or value in action.choices:
            return
        known = list(map(str, action.choices))
        problem = choice_problem(value, known)
        if isinstance(action, argparse._SubParsersAction):
            problem = self._unknown_command(value, known)
        raise argparse.ArgumentError(action, problem)

    def _unknown_command(self, value: str, known: list[str]) -> str:
        """What a mistyped command, or one of an earlier version, is called."""
        from gantoolkit.registry import messages

        verb = self.prog.partition(" ")[2]  # without "gantoolkit"
        hint = messages.command_hint(verb, value, known)
        return f"there is no '{value}'{hint}; choose {', '.join(known)}"


def add_verb(
    verbs: argparse._SubParsersAction, name: str, command: str, summary: str
) -> argparse.ArgumentParser:
    """Add a verb.

    `command` is the "module:function" that is imported and called with its arguments.
    """
    verb = verbs.add_parser(name, help=summary, description=f"{summary}.")
    verb.set_defaults(command=command)
    return verb


def add_device(parser: argparse._ActionsContainer, what: str = "") -> None:
    """Add --device; `what` begins its help."""
    parser.add_argument(
        "--device",
        type=device,
        default="cpu",
        metavar="NAME",
        help=f"{what}cpu, cuda, cuda:N or mps (default: cpu)",
    )


def add_yes(parser: argparse._ActionsContainer) -> None:
    """Add --yes, which answers the offer to fetch weights."""
    parser.add_argument(
        "--yes",
        action="store_true",
        help="fetch published weights that are needed and not here, without a question",
    )


def add_threads(parser: argparse._ActionsContainer) -> None:
    """Add --threads."""
    parser.add_argument(
        "--threads",
        type=COUNT,
        metavar="N",
        help="CPU threads (default: as many as there are idle cores)",
    )


def whole(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Make the type of a whole number from `least` to `most`.

    >>> whole(1)("3")
    3
    """
    return lambda text: _bounded(text, int, "a whole number", least, most)


def number(least: float | None = None, most: float | None = None) -> Callable[[str], float]:
    """Make the type of a finite number from `least` to `most`."""
    return lambda text: _bounded(text, float, "a finite number", least, most)


def device(text: str) -> str:
    """Check the name of a device.

    Whether the machine has it is found out when torch is imported.
    """
    if problem := unknown_device(text):
        raise argparse.ArgumentTypeError(problem)
    return text


def _bounded(
    text: str, convert: Callable[[str], Number], words: str, least: float | None, most: float | None
) -> Number:
    """Convert `text`, or raise the sentence that argparse shows."""
    try:
        value = convert(text)
    except ValueError:
        value = math.nan
    if not -math.inf < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be {words}, not '{text}'")
    if problem := number_problem(value, least, most):
        raise argparse.ArgumentTypeError(problem)
    return value


COUNT = whole(1)
PIXELS = whole(16, 2048)  # of a picture's side
SEED = whole(0, MAX_SEED)
TIME = whole(0, LAST_TIME)  # of denoising
