"""Files appear whole or not at all; what the disk refuses is one sentence.

Equal content gives equal zips.
"""

import hashlib
import json
import stat
import subprocess
import zipfile

import pytest
from PIL import UnidentifiedImageError

from gantoolkit.cli.main import sentence
from gantoolkit.core import files
from gantoolkit.core.errors import DataError


def test_a_failure_leaves_what_was_there(tmp_path):
    path = files.write_text(tmp_path / "deep" / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), files.atomic_write(path) as partial:
        partial.write_text("half of")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]


def test_the_digest_is_that_of_the_whole_content(tmp_path):
    one, two = (
        files.write_bytes(tmp_path / name, bytes(size)) for name, size in (("a", 300_000), ("b", 7))
    )
    assert files.sha256(one) == hashlib.sha256(bytes(300_000)).hexdigest()
    assert files.sha256(one, two) == hashlib.sha256(bytes(300_007)).hexdigest()


def test_lines_of_json_come_back_and_a_torn_one_is_dropped(tmp_path):
    rows = [{"text": "ein Gesicht, älter"}, {"n": 1}]
    path = files.write_json_lines(tmp_path / "a.jsonl", iter(rows))
    assert files.read_json_lines(path) == rows and "ä" in path.read_text(encoding="utf-8")
    path.write_text(files.json_lines(rows)[:-3])
    assert files.read_json_lines(path, torn_end=True) == rows[:1]
    with pytest.raises(DataError, match="a.jsonl, line 2: it is not JSON"):
        files.read_json_lines(path)


def test_a_log_torn_inside_of_a_character_or_filled_with_zeros_keeps_its_whole_lines(tmp_path):
    whole = files.json_lines([{"text": "älter"}]).encode()
    path = tmp_path / "a.jsonl"
    for end in (b'{"text": "\xc3', b"\0" * 512, b'{"text": "\xc3\n', b""):
        path.write_bytes(whole + end)
        assert files.read_json_lines(path, torn_end=True) == [{"text": "älter"}], end


@pytest.mark.parametrize("middle", [b'{"n": 1', b"[1]", b'{"t": "\xe4"}', b'{"t": "\0"}', b"null"])
def test_a_broken_line_in_the_middle_is_named(tmp_path, middle):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n": 0}\n\n' + middle + b'\n{"n": 2}\n')
    for torn_end in (False, True):
        with pytest.raises(DataError, match="a.jsonl, line 3: "):
            files.read_json_lines(path, torn_end)


def test_a_line_separator_in_a_string_ends_no_line(tmp_path):
    rows = [{"text": "one\u2028two\x85three\x0cfour"}, {"n": 1}]
    path = files.write_json_lines(tmp_path / "a.jsonl", rows)
    assert files.read_json_lines(path) == rows


def test_permissions_are_those_of_any_new_file(tmp_path):
    subprocess.run(["touch", tmp_path / "touched"], check=True)
    written = files.write_bytes(tmp_path / "written", b"x")
    assert stat.S_IMODE(written.stat().st_mode) == stat.S_IMODE(
        (tmp_path / "touched").stat().st_mode
    )


@pytest.mark.parametrize(
    "number, advice, said",
    [
        (
            28,
            "",
            "The disk is full: {} could not be written; free some space or choose another folder.",
        ),
        (28, "repeat", "The disk is full: {} could not be written; repeat."),
        (13, "", "{} could not be written (denied); choose another folder."),
    ],
)
def test_what_the_disk_refuses_is_a_sentence(tmp_path, number, advice, said):
    with pytest.raises(DataError) as caught, files.atomic_write(tmp_path / "a", advice):
        raise OSError(number, "denied")
    assert str(caught.value) == said.format(tmp_path / "a") and not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [28, 30, 13, 122])
def test_what_happens_in_the_cache_names_the_variable_that_moves_it(tmp_path, monkeypatch, number):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path))
    advice = "set GANTOOLKIT_CACHE to a folder with space that can be written."
    with pytest.raises(DataError) as caught, files.atomic_write(tmp_path / "v1" / "a", "repeat"):
        raise OSError(number, "denied")
    assert str(caught.value).endswith(advice) and str(tmp_path / "v1/a") in str(caught.value)
    assert sentence(OSError(number, "Denied", str(tmp_path / "lock"))).endswith(advice)
    assert "GANTOOLKIT_CACHE" not in sentence(OSError(number, "Denied", "/elsewhere/lock"))


def test_a_cache_that_is_a_file_or_read_only_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="set GANTOOLKIT_CACHE"):
        files.write_json(files.cache_root() / "converted" / "parts.json", {})


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be written"):
        files.write_text(tmp_path / "file" / "a", "x")


def test_a_broken_picture_is_not_the_disks_fault(tmp_path):
    with pytest.raises(UnidentifiedImageError), files.atomic_write(tmp_path / "a"):
        raise UnidentifiedImageError("cannot identify image file")


def test_zips_have_fixed_dates_and_modes(tmp_path):
    content = {"image/0.png": b"\x89PNG" * 99, "dataset.json": "{}" * 99}
    one, two = (
        files.write_zip(tmp_path / name, content.items()) for name in ("one.zip", "two.zip")
    )
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        found = [(e.date_time, e.external_attr >> 16, e.compress_type) for e in archive.infolist()]
        assert archive.read("dataset.json") == b"{}" * 99
    assert found == [
        ((2020, 1, 1, 0, 0, 0), 0o644, kind) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    ]


def test_json_is_readable_and_what_it_was(tmp_path):
    content = {
        "a": [1, 2.5, None],
        "b": {"c": {"text": "é [\n] {x}", "d": []}, "e": [{"f": True}, {}]},
        "g": "[",
        "h": ["]", "{"],
    }
    path = files.write_json(tmp_path / "a.json", content)
    assert json.loads(path.read_text(encoding="utf-8")) == content
    assert path.read_text(encoding="utf-8").splitlines()[:2] == ["{", ' "a": [1, 2.5, null],']
    assert '{"f": true}' in path.read_text(encoding="utf-8")
