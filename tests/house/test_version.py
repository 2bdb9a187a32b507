"""All places that name the version name the same one."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import gantoolkit

ROOT = Path(gantoolkit.__file__).parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").is_file(), reason="an installed package has no pyproject.toml"
)


def test_all_places_name_one_version():
    projects = [ROOT / "pyproject.toml", *(ROOT / "plugins").glob("*/pyproject.toml")]
    versions = {
        str(file.relative_to(ROOT)): tomllib.loads(file.read_text())["project"]["version"]
        for file in projects
    }
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    versions["CITATION.cff"] = citation["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d\S*) - (\S+)$", changelog, re.M)
    versions["CHANGELOG.md"] = newest[1]
    assert set(versions.values()) == {gantoolkit.__version__}, versions
    assert newest[2] == str(citation["date-released"])
