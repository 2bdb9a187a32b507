"""An empty argument, as of a shell's unset variable, is one sentence and never the folder here."""

import argparse

import pytest

from gantoolkit.cli import main
from gantoolkit.cli.options import MAY_BE_EMPTY
from gantoolkit.cli.verbs import parser
from gantoolkit.core.errors import UsageError


def leaves(of: argparse.ArgumentParser, words: tuple[str, ...] = ()):
    """Yield (words of a verb, its parser) of every command."""
    groups = [one for one in of._actions if isinstance(one, argparse._SubParsersAction)]
    for group in groups:
        for name, sub in group.choices.items():
            yield from leaves(sub, (*words, name))
    if not groups:
        yield words, of


def filler(action: argparse.Action) -> str:
    return str(next(iter(action.choices))) if action.choices else "1"


def command_lines():
    """Yield (command line with one empty value, name of its argument) of all commands."""
    for words, verb in leaves(parser([])):
        positional = [one for one in verb._actions if not one.option_strings]
        before = [filler(one) for one in positional if one.nargs is None]
        for action in verb._actions:
            if action.option_strings and action.nargs != 0:
                yield [*words, *before, action.option_strings[-1], ""], action.dest
        for empty in positional:
            yield [*words, *("" if one is empty else filler(one) for one in positional)], empty.dest


def test_every_value_but_a_prompt_must_not_be_empty():
    lines = list(command_lines())
    assert len(lines) > 150
    for words, name in lines:
        if name in MAY_BE_EMPTY:
            assert getattr(main.parse(words), name) in ("", [""])
            continue
        with pytest.raises(UsageError) as refused:
            main.parse(words)
            pytest.fail(f"{words} is taken")
        text = str(refused.value)
        assert text.endswith("--help'.") and "\n" not in text, words
        assert "must" in text or "there is no" in text, text


@pytest.mark.parametrize("option", ["--mask", "--out", "--scribble", "--data"])
def test_an_empty_path_never_means_the_folder_here(option, capsys):
    assert main.main(["generate", "eg3d-mask", option, ""]) == 2
    assert f"{option} must not be empty; give a value" in capsys.readouterr().err
    assert main.main(["generate", "eg3d-mask", f"{option}="]) == 2
    capsys.readouterr()
