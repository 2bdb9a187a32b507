"""Options of the command line: their parser, numbers within bounds, devices; a mistake is one sentence (UsageError)."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

from gantoolkit.config.value_types import MAX_SEED
from gantoolkit.core.errors import UsageError
from gantoolkit.core.suggest import did_you_mean, unknown_device


class Parser(argparse.ArgumentParser):
    """argparse whose errors are the project's: a sentence with a suggestion, and the help to look at."""

    def error(self, message: str):
        message = message.removeprefix("argument ").replace(": must be ", " must be ", 1)
        raise UsageError(f"{message}; see '{self.prog} --help'.")

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ):
        """As argparse, but an option that does not exist is answered by the verb that lacks it."""

        found, rest = super().parse_known_args(args, namespace)
        if unknown := [text.partition("=")[0] for text in rest if text.startswith("-")]:
            self.error(
                f"there is no option '{unknown[0]}'{did_you_mean(unknown[0], self._option_string_actions)}"
            )
        return found, rest

    def _check_value(self, action: argparse.Action, value) -> None:

        if action.choices is not None and value not in action.choices:
            known = list(map(str, action.choices))
            raise argparse.ArgumentError(
                action,
                f"there is no '{value}'{self._hint(action, value, known)}; choose {', '.join(known)}",
            )

    def _hint(self, action: argparse.Action, value: str, known: list[str]) -> str:
        if not isinstance(action, argparse._SubParsersAction):
            return did_you_mean(value, known)
        from gantoolkit.registry import messages

        verb = self.prog.partition(" ")[2]  # without "gantoolkit"
        return messages.command_hint(verb, value, known)


def whole(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """The type of a whole number from `least` to `most`."""
    return lambda text: _bounded(text, int, "a whole number", least, most)


def number(least: float | None = None, most: float | None = None) -> Callable[[str], float]:
    """The type of a finite number from `least` to `most`."""
    return lambda text: _bounded(text, float, "a finite number", least, most)


def device(text: str) -> str:
    """The type of a device's name; whether it is there, core/distributed.py says when torch is at hand."""

    if wrong := unknown_device(text):
        raise argparse.ArgumentTypeError(wrong)
    return text


def add_device(parser: argparse._ActionsContainer, what: str = "") -> None:
    """Add --device."""
    parser.add_argument(
        "--device",
        type=device,
        default="cpu",
        metavar="NAME",
        help=f"{what}cpu, cuda, cuda:N or mps (default: cpu)",
    )


def _bounded(text: str, kind: type, called: str, least, most):
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not -math.inf < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be {called}, not '{text}'")
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"must be {bounds}, not {text}")
    return value


COUNT = whole(1)
PIXELS = whole(16, 2048)  # of a picture's side

SEED = whole(0, MAX_SEED)
TIME = whole(0, 999)  # of denoising
