"""`gantoolkit cache`: it counts what lies there, and removes nothing but its own folders."""

import pytest

from gantoolkit.cli import main


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with two kinds, beside which the user keeps a file and a folder."""
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path))
    for name, size in {
        "trajectories/abc/000000.safetensors": 2_000_000,
        "trajectories/abc/000000.json": 100_000,
        "downloads/net.safetensors": 300_000,
        "mine/thesis.tex": 5,
        "notes.txt": 5,
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(size))
    return tmp_path


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_list_says_files_and_sizes(cache, capsys):
    assert main.main(["cache", "list"]) == 0
    words = {line.split()[0]: line.split()[1:5] for line in capsys.readouterr().out.splitlines()}
    assert words["trajectories"] == ["2", "files", "2.1", "MB"]
    assert words["downloads"] == ["1", "files", "0.3", "MB"]
    assert words["features"] == ["0", "files", "0.0", "MB"] and "mine" not in words


def test_clear_leaves_downloads_and_what_is_not_the_cache_s(cache, capsys):
    before = names(cache)
    assert main.main(["cache", "clear", "--dry-run"]) == 0 and names(cache) == before
    assert "would remove" in capsys.readouterr().out
    assert main.main(["cache", "clear"]) == 0
    assert names(cache) == ["downloads/net.safetensors", "mine/thesis.tex", "notes.txt"]
    assert main.main(["cache", "clear", "downloads"]) == 0
    assert names(cache) == ["mine/thesis.tex", "notes.txt"]


@pytest.mark.parametrize("kind", ["mine", "..", "notes.txt", "downlods"])
def test_clear_takes_kinds_of_the_cache_only(cache, kind, capsys):
    before = names(cache)
    assert main.main(["cache", "clear", "trajectories", kind]) == 2
    assert f"KIND='{kind}' is unknown; choose 'trajectories'" in capsys.readouterr().err
    assert names(cache) == before
