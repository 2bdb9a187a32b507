"""The manifest: what plugins bring is found without importing them, and none can take the others
down.
"""

import sys
from types import SimpleNamespace

import pytest

from gantoolkit.registry import manifest


@pytest.fixture
def fresh():
    """A manifest read anew, and forgotten afterwards."""
    manifest.load.cache_clear()
    yield manifest.load
    manifest.load.cache_clear()


def plugin(folder, name, registry="", hooks="", version="1.2"):
    """Write a folder plugin whose package fails when it is imported."""
    package = folder / f"pkg_{name}"
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
        f'[project.entry-points.gantoolkit]\n{name} = "pkg_{name}.hooks"\n'
    )
    (package / "__init__.py").write_text("")
    (package / "hooks.py").write_text(hooks)
    (package / "registry.yaml").write_text(registry)
    return folder


def generator(name, module="nowhere:X"):
    return f'components: {{generator: {{{name}: {{module: "{module}", summary: s}}}}}}'


def test_folder_plugin_is_read_but_not_imported(tmp_path, monkeypatch, fresh):
    monkeypatch.setenv(
        "GANTOOLKIT_PLUGINS", str(plugin(tmp_path / "a", "alpha", generator("Alpha")))
    )
    index = fresh()
    assert index.components["generator"]["Alpha"]["owner"] == "alpha"
    assert index.providers["alpha"].version == "1.2" and not index.providers["alpha"].error
    assert "pkg_alpha" not in sys.modules


def test_broken_registry_is_reported_and_the_others_work(tmp_path, monkeypatch, fresh):
    bad = plugin(tmp_path / "a", "alpha", "components: {gnerator: {}}")
    torn = plugin(tmp_path / "b", "beta", "components: [")
    empty = tmp_path / "c"
    empty.mkdir()
    good = plugin(tmp_path / "d", "delta", generator("Delta"))
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", ":".join(map(str, (bad, torn, empty, good))))
    index = fresh()
    failed = {owner.name: owner.error for owner in index.failed()}
    assert failed.keys() == {"alpha", "beta", "c"}, failed
    assert "kind='gnerator' is unknown" in failed["alpha"] and "pyproject.toml" in failed["c"]
    assert "Delta" in index.components["generator"]


def test_clash_names_both_owners_and_the_first_wins(tmp_path, monkeypatch, fresh):
    first = plugin(tmp_path / "a", "alpha", generator("Same", "a:A"))
    second = plugin(tmp_path / "b", "beta", generator("Same", "b:B"))
    monkeypatch.setenv("GANTOOLKIT_PLUGINS", f"{first}:{second}")
    index = fresh()
    assert index.components["generator"]["Same"]["module"] == "a:A"
    assert any("alpha" in clash and "beta" in clash for clash in index.clashes)


def test_installed_entry_point_of_a_missing_package(fresh, monkeypatch):
    from importlib import metadata

    ghost = metadata.EntryPoint("ghost", "no_such_package.hooks", "gantoolkit")
    installed = SimpleNamespace(entry_points=[ghost], version="1")
    monkeypatch.setattr(metadata, "distributions", lambda: [installed])
    assert "cannot be found" in fresh().providers["ghost"].error


def test_files_lie_in_their_owner(fresh):
    index = fresh()
    for entry in [*index.weights.values(), *index.data.values()]:
        if "file" in entry:
            assert index.file(entry).is_relative_to(index.providers[entry["owner"]].root)


def test_published_weights_lie_in_the_cache_and_say_where_they_are_from(
    fresh, monkeypatch, tmp_path
):
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path))
    index = fresh()
    published = [entry for entry in index.weights.values() if "file" not in entry]
    places = [index.file(entry) for entry in published]
    assert len(set(places)) == len(places) > 5
    for entry, place in zip(published, places, strict=True):
        assert place.parent == tmp_path / "downloads" and (place.suffix or "url" not in entry)
        assert entry["licence"] and entry["summary"] and entry["page"].startswith("https://")
        assert (
            entry.get("url", "https://").startswith("https://")
            and len(entry.get("sha256", "8 digits")) >= 8
        )
