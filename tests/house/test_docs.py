"""The documentation names every verb, hook and kind, and what it links to exists."""

import argparse
import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

from gantoolkit.cli import main
from gantoolkit.cli.verbs import parser
from gantoolkit.config import loader
from gantoolkit.registry import hookspecs, manifest, plugins

ROOT = Path(main.__file__).parents[2]
DOCS = {
    file.relative_to(ROOT / "docs").as_posix(): file.read_text()
    for file in sorted((ROOT / "docs").rglob("*.md"))
}
SHELL = re.compile(r"```(?:sh|bash|console)\n(.*?)```", re.S)
pytestmark = pytest.mark.skipif(not DOCS, reason="docs/ is not part of an installed package")


def verbs(of, prefix="gantoolkit"):
    """'gantoolkit verb' of every command, with its parser."""
    actions = [a for a in of._actions if isinstance(a, argparse._SubParsersAction)]
    for action in actions:
        for name, sub in action.choices.items():
            yield from verbs(sub, f"{prefix} {name}")
    if not actions:
        yield prefix, of


def headings(page):
    return [line.lstrip("# ") for line in DOCS[page].splitlines() if line.startswith("#")]


def test_every_verb_has_a_heading():
    documented = " ".join(headings("cli.md"))
    for verb, _ in verbs(parser([])):
        assert f"`{verb} " in documented or f"`{verb}`" in documented, verb
    assert "`gantoolkit data render" in documented


@pytest.mark.parametrize("name", plugins.hook_names())
def test_every_hook_has_a_heading_with_its_exact_signature(name):
    signature = str(inspect.signature(getattr(hookspecs, name))).replace("'", "")
    assert f"`{name}{signature}`" in headings("plugins.md")


def test_no_hook_is_documented_that_does_not_exist():
    found = re.findall(r"^### `(\w+)\(", DOCS["plugins.md"], re.M)
    assert sorted(found) == sorted(plugins.hook_names())


def test_kinds_are_documented():
    assert " ".join(manifest.KINDS) in DOCS["plugins.md"]


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{name}" for name in DOCS)]
)
def test_links_lead_somewhere(page):
    """Pages below reference/ are made when the site is built (test_site.py)."""
    file = ROOT / page
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", file.read_text()):
        outside = target.startswith(("http://", "https://", "reference/"))
        assert outside or (file.parent / target).exists(), f"{page}: {target}"


def test_commands_in_the_docs_parse():
    """Every `gantoolkit …` line of a code block is understood by the parser."""
    import shlex

    for page, text in {**DOCS, "README.md": (ROOT / "README.md").read_text()}.items():
        for block in SHELL.findall(text.replace("\\\n", " ")):
            for line in re.findall(r"(?:^|^\$ |&& )gantoolkit ([^&\n]*)", block, re.M):
                try:
                    main.parse(shlex.split(line, comments=True))
                except SystemExit as error:
                    assert error.code in (0, None), f"{page}: gantoolkit {line}"


def names_of(tree: ast.Module):
    """(module, name) of every import from gantoolkit, and of every `gantoolkit.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("gantoolkit"):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "__name__") for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "gantoolkit":
            yield "gantoolkit", node.attr


def test_python_of_the_docs_resolves():
    """Every Python block is Python, and what it takes from gantoolkit exists."""
    blocks = 0
    for page, text in {**DOCS, "README.md": (ROOT / "README.md").read_text()}.items():
        for block in re.findall(r"```python\n(.*?)```", text, re.S):
            blocks += 1
            for module, name in names_of(ast.parse(block)):
                if module.partition(".")[0] != "gradio_client":
                    found = importlib.import_module(module)
                    assert hasattr(found, name), f"{page}: {module}.{name}"
    assert blocks > 5


def test_configs_in_the_docs_load(tmp_path):
    for text in DOCS.values():
        for i, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.S)):
            if "_base_ =" in block and "MyGan" not in block:
                (tmp_path / f"example{i}.py").write_text(block)
                assert loader.load_config(tmp_path / f"example{i}.py").task
