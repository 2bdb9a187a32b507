"""Help: bare `gantoolkit` prints it, every option states its default, every verb has examples."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from gantoolkit.cli import examples, main
from gantoolkit.cli.verbs import parser
from gantoolkit.registry import manifest

VERBS = [(words, verb) for words, verb in examples.verbs(parser(["data"])) if words]


def stated(verb: argparse.ArgumentParser) -> dict[str, tuple[argparse.Action, str]]:
    """The options of a verb with their text, each as it stands in the help."""
    shown = " ".join(verb.format_help().split())
    options = {}
    for action in verb._actions:
        if action.option_strings and action.default != argparse.SUPPRESS:
            text = " ".join(verb._get_formatter()._expand_help(action).split())
            assert re.sub(r"\s", "", text) in re.sub(r"\s", "", shown)
            options[action.option_strings[-1]] = action, text
    return options


def test_no_words_print_the_help(capsys):
    with pytest.raises(SystemExit) as bare:
        main.main([])
    printed = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main.main(["--help"])
    assert bare.value.code == 0 and printed == capsys.readouterr().out and "VERB" in printed


def test_help_says_where_the_documentation_lies(monkeypatch):
    """A file of this checkout that exists; in an installed package what to read instead."""
    root = manifest.checkout_root()
    if root and (root / "docs").is_dir():
        named = parser([]).epilog.rpartition("Documentation: ")[2].rstrip(".")
        assert Path(named).read_text().startswith("# gantoolkit")
    monkeypatch.setattr(manifest, "checkout_root", lambda: None)
    assert "docs/index.md in the repository of gantoolkit; here: VERB --help" in parser([]).epilog


@pytest.mark.parametrize("words, verb", VERBS, ids=[words for words, _ in VERBS])
def test_every_option_states_its_default_and_every_argument_its_meaning(words, verb):
    for action in verb._actions:
        is_verbs = isinstance(action, argparse._SubParsersAction)
        assert action.help or is_verbs, f"{words} {action.dest}"
    for name, (action, text) in stated(verb).items():
        assert "default" in text or "(required)" in text, f"{words} {name}: {text}"
        value = re.search(r"\(default:? ([\w./-]+)\)$", text)
        if value and action.default not in (None, False, [], ""):
            assert value[1] == str(action.default), f"{words} {name}"


@pytest.mark.parametrize("words, verb", VERBS, ids=[words for words, _ in VERBS])
def test_help_ends_with_two_examples_that_parse(words, verb):
    tail = verb.format_help().rpartition("examples:\n")[2].rstrip().splitlines()
    assert len(tail) == 2 and tail[0] != tail[1], f"{words}: {tail}"
    for line in tail:
        program, *rest = shlex.split(line)
        assert program == "gantoolkit"
        assert main.parse(rest).command


def test_examples_are_of_the_verb_itself():
    for words, lines in examples.OF_VERBS.items():
        own = [line for line in lines if line.startswith(words)]
        assert own or words == "data render", words
