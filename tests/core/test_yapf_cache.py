"""A half-written cache of yapf's does not keep anybody from starting."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

IMPORT = [sys.executable, "-c", "import gantoolkit.registry.registry"]


def start(cache: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        IMPORT, env=os.environ | {"XDG_CACHE_HOME": str(cache)}, capture_output=True, text=True
    )


@pytest.mark.parametrize("content", [b"", b"\x80\x05\x95", b"not a pickle"])
def test_a_broken_grammar_of_yapf_is_written_again(tmp_path, content):
    assert start(tmp_path).returncode == 0
    pickles = sorted(tmp_path.rglob("*Grammar-py*.pickle"))
    whole = [file.read_bytes() for file in pickles]
    assert len(whole) == 2  # Grammar and PatternGrammar
    for file in pickles:
        file.write_bytes(content)

    again = start(tmp_path)

    assert again.returncode == 0, again.stderr
    assert [len(file.read_bytes()) for file in pickles] == [len(one) for one in whole]
