"""Text of strangers: the right characters, or a sentence with the file and the line."""

import codecs
import json

import pytest

from gantoolkit.core import files, text
from gantoolkit.core.errors import DataError, UsageError

WORDS = "Sie trägt Schmuck.\nJosé – “alt”, 她老了 🙂\n"
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_marked_text_is_read_right(tmp_path, encoding, line_end):
    path = tmp_path / "a.txt"
    path.write_bytes(MARKED[encoding] + WORDS.replace("\n", line_end).encode(encoding))
    assert files.read_text(path) == WORDS


def test_unmarked_utf8_is_read_right(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(WORDS.encode())
    assert files.read_text(path) == WORDS


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(
    "second_line",
    [
        "She\u2019s old".encode("cp1252"),
        "她有黑色".encode("gbk"),
        "彼女は黒".encode("shift_jis"),
        "Größe".encode("latin-1"),
        "красный".encode("koi8-r"),
        b"old\0",
        b"old \xe4",  # the file ends inside of a character
        b"\xed\xa0\x80",  # half of a pair, as some programs write it
    ],
)
def test_other_encodings_are_refused_with_the_line(tmp_path, second_line, line_end):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old" + line_end + second_line)
    with pytest.raises(UsageError, match=r"a\.txt, line 2: .*; save the file as UTF-8\."):
        files.read_text(path, UsageError)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_utf16_without_its_mark_is_refused(encoding):
    with pytest.raises(DataError, match="line 1: it holds a NUL"):
        text.decode_text("She is old.".encode(encoding), "a.txt")


def test_a_file_that_is_missing_or_a_folder_is_a_sentence(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="could not be read"):
            files.read_text(path)


@pytest.mark.parametrize("encoding", ["gbk", "latin-1", "utf-8", "cp1251", "euc-kr"])
def test_the_coding_line_of_python_counts(tmp_path, encoding):
    letters = {"gbk": "中文", "cp1251": "красный", "euc-kr": "한국"}.get(encoding, "ö")
    path = tmp_path / "a.py"
    path.write_bytes(f"#!python\n# -*- coding: {encoding} -*-\nx = '{letters}'\n".encode(encoding))
    namespace = {}
    exec(files.read_source(path), namespace)
    assert namespace["x"] == letters


@pytest.mark.parametrize(
    "data, line",
    [
        ("x = 1\n# 中文\n".encode("gbk"), "line 2"),
        (b"# coding: none-such\nx = 1\n", "line 1 or 2"),
        ("# coding: ascii\nx = 1\ny = 'ö'\n".encode(), "line 3"),
        (b"# coding: utf-8\nx = 1\ny = '\xd6'\n", "line 3"),
        ("中 = 1\n".encode("gbk"), "line 1"),
    ],
)
def test_source_in_another_encoding_than_it_says_is_refused(tmp_path, data, line):
    (tmp_path / "a.py").write_bytes(data)
    with pytest.raises(UsageError, match=rf"a\.py, {line}: .*UTF-8"):
        files.read_source(tmp_path / "a.py", UsageError)


@pytest.mark.parametrize("encoding", MARKED)
def test_json_of_any_marked_encoding_is_read(tmp_path, encoding):
    path = tmp_path / "a.json"
    content = {"text": WORDS, "n": [1, None]}
    path.write_bytes(MARKED[encoding] + json.dumps(content, ensure_ascii=False).encode(encoding))
    assert files.read_json(path) == content


@pytest.mark.parametrize(
    "data, said",
    [
        (b'{"a": 1,\n "b": }', "line 2: it is not JSON"),
        (b'{"a": 1,\n\n "b": "\xe4"}', "line 3: byte 0xe4 is not UTF-8"),
        (b"", "line 1: it is not JSON"),
        (b"<html>\n", "line 1: it is not JSON"),
        (b"[" * 100_000, "it is not usable JSON"),
        (b"9" * 10_000, "it is not usable JSON"),
        (b"[1]", "holds a list instead of a JSON object"),
    ],
)
def test_broken_json_names_its_line(tmp_path, data, said):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(UsageError, match=rf"a\.json.*{said}"):
        files.read_json_object(tmp_path / "a.json", UsageError)


@pytest.mark.parametrize("character", ["\0", "\ufffd", "\ud83d", "\udcff"])
def test_no_prompt_holds_what_is_no_text(character):
    with pytest.raises(UsageError, match=r"--text holds a .*; write it again as UTF-8"):
        text.check_text(f"She is{character} old", "--text", UsageError)
    assert text.check_text(WORDS, "--text") == WORDS


def test_names_that_are_not_utf8_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"photos holds the file name 'M\\xfcller.png'"):
        text.check_names(["a.png", "M\udcfcller.png"], "photos")
    text.check_names(["Müller.png", "がぞう.png"], "photos")
