"""Arguments, prompts and terminals that are not UTF-8."""

import io
import sys

import pytest

from gantoolkit.cli.main import main
from gantoolkit.core.errors import UsageError
from gantoolkit.inference.options import GenerateOptions


def test_an_argument_that_is_not_utf8_is_refused(capsys):
    assert main(["generate", "none", "--mask", "M\udcfcller.png"]) == 2
    said = capsys.readouterr().err
    assert "The argument 'M\\udcfcller.png' holds a lone surrogate" in said


@pytest.mark.parametrize("text", ["a\0b", "She\ufffds old", "\ud83d"])
def test_a_prompt_that_is_no_text_is_refused(text):
    with pytest.raises(UsageError, match="--text holds"):
        GenerateOptions(text=text, mask="a.png").check()


def test_a_terminal_that_knows_few_characters_gets_escapes(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    assert main(["show", "Größe…"]) == 2
    stream.flush()
    assert b"Gr\\xf6\\xdfe\\u2026" in stream.buffer.getvalue()
