"""Configs as people save them, and errors that name their line."""

import pytest

from gantoolkit.cli.main import main
from gantoolkit.config import loader
from gantoolkit.core.errors import UsageError

BASE = '_base_ = "configs/_base_/mini.py"\ngenerator = "stylegan2"\n'
BODY = BASE + "# 中文注释 Größe\nseed = 3\n"


@pytest.mark.parametrize(
    "data",
    [
        BODY.encode("utf-8-sig"),
        BODY.encode("utf-16"),
        BODY.replace("\n", "\r\n").encode(),
        BODY.replace("\n", "\r").encode(),
        f"# -*- coding: gbk -*-\n{BODY.replace('Größe', '')}".encode("gbk"),
        f"# vim: set fileencoding=latin-1 :\n{BASE}# Größe\nseed = 3\n".encode("latin-1"),
    ],
    ids=["bom", "utf16", "crlf", "cr", "gbk", "latin1"],
)
def test_configs_of_any_declared_encoding_run(tmp_path, data):
    (tmp_path / "mine.py").write_bytes(data)
    assert loader.load_config(tmp_path / "mine.py").seed == 3


@pytest.mark.parametrize(
    "text, said",
    [
        (BASE + "\n\nseed == 4\n", "line 5: NameError"),
        (BASE + "seed = = 4\n", "line 3: SyntaxError"),
        (BASE + "import sys\nsys.exit(0)\n", "line 4: it ends Python (SystemExit: 0)"),
        (BASE + "raise SystemExit\n", "line 3: it ends Python (SystemExit: None); take exit()"),
        ("class Odd(BaseException): ...\nraise Odd(7)\n", "FILE, line 2: Odd: 7"),
        (BASE + "data = []\ndata.append(data)\n", "line 3: The config value data is nested more"),
        (BASE + "note = {'a': ['\\ud83d']}\n", "line 3: The config value note.a[0] holds a lone"),
        (BASE + "note = {'\\0': 1}\n", "line 3: A key of the config value note holds a NUL"),
        ("# coding: rot13\nfrrq = 3\n", "FILE, line 1: it cannot be read as ROT13"),
        ("# coding: undefined\nseed = 3\n", "FILE, line 1: it cannot be read as UNDEFINED"),
        (BASE + "for i in range(2):\n    pass\n", "has no key 'i' (FILE, line 3)"),
        (BASE + "sampling = dict(\n    stepps=3,\n)\n", "'sampling.stepps'"),
        (BASE + "sampling = dict(\n    stepps=3,\n)\n", "(FILE, line 4)"),
        (
            BASE + 'sampling = {\n    "batch": "x",\n}\n',
            "sampling.batch should be int, not 'x' (FILE, line 4)",
        ),
        (BASE + "lr = [\n    0.1, len]\n", "FILE, line 3: The config value lr[1]"),
        ('\n_base_ = "nowhere.py"\n', "FILE, line 2: There is no config 'nowhere.py'"),
        ("_base_ = 3\n", "FILE, line 1: a base is a path or a name, not 3"),
        (BASE + "# \ufffd\nx = '\0'\n", "line 4: it holds a NUL"),
    ],
)
def test_an_error_names_its_line(tmp_path, capsys, text, said):
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    assert main(["show", str(file)]) == 2
    shown = capsys.readouterr().err
    assert said.replace("FILE", str(file)) in shown and str(file) in shown
    assert shown.count("\n") == 1


def test_a_line_of_the_base_is_named_there(tmp_path):
    (tmp_path / "base.py").write_text("task = 'bridge'\n\nsede = 1\n")
    (tmp_path / "mine.py").write_text("_base_ = 'base.py'\nlr = 1\n")
    with pytest.raises(UsageError, match=r"sede. \(.*base\.py, line 3\)"):
        loader.load_config(tmp_path / "mine.py")


def test_a_run_folder_whose_config_json_has_a_mark_is_read(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf{}")
    with pytest.raises(UsageError, match="names no task"):
        loader.load_config(tmp_path)
    (tmp_path / "config.json").write_bytes(b'{"task":\n "\xe4"}')
    with pytest.raises(UsageError, match="config.json is not a readable config .line 2: byte 0xe4"):
        loader.load_config(tmp_path)
