"""Commands of the documentation that train: their config exists and takes every key=value."""

import re
import shlex
from pathlib import Path

import pytest

from gantoolkit.cli import main
from gantoolkit.config import loader

ROOT = Path(main.__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
PAGES += sorted((ROOT / "plugins").glob("*/README.md"))
COMMAND = re.compile(r"gantoolkit (?:run|show) ([^&|\n]*)")


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """(config, overrides) of every `gantoolkit run` in the code blocks of a page."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = []
    for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.S):
        for line in COMMAND.findall(block):
            words = shlex.split(line, comments=True)
            overrides = [word for word in words[1:] if "=" in word and not word.startswith("-")]
            if words and (words[0].endswith(".py") or overrides):
                found.append((words[0], overrides))
    return found


def written_in(page: Path, folder: Path, name: str) -> Path | None:
    """The config of a page's own: its code block with a `_base_`, as a file."""
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
        if "_base_ =" in block:
            (folder / name).write_text(block, encoding="utf-8")
            return folder / name
    return None


@pytest.mark.parametrize("page", [p for p in PAGES if p.is_file()], ids=lambda page: page.name)
def test_overrides_of_code_blocks_are_taken(page, tmp_path):
    shipped = loader.shipped_configs()
    for config, overrides in commands(page):
        own = None
        if "$" in config or any("'MyLoss'" in override for override in overrides):
            continue  # a loop of the shell; a plugin's, which is not here
        if config not in shipped and "/" not in config and config.endswith(".py"):
            own = written_in(page, tmp_path, config)
            if own is None or "MyGan" in own.read_text():
                continue  # a plugin's, which is not here
        assert loader.load_config(own or config, overrides).task, f"{page.name}: {config}"


def test_there_are_such_commands():
    assert sum(len(commands(page)) for page in PAGES if page.is_file()) >= 15
