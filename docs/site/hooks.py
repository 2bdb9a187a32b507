"""Hooks of mkdocs: reference pages made from registry.yaml, links out of docs/ as plain text.

`mkdocs build --strict` reads mkdocs.yml, which names this file.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File, Files

import gantoolkit
from gantoolkit.registry import manifest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
CONTRACTS = {  # module → members that its part of reference/contracts.md shows
    "gantoolkit.generators": ("load_generator",),
    "gantoolkit.bridges": (),
    "gantoolkit.encoders": (),
    "gantoolkit.losses": ("Loss",),
    "gantoolkit.metrics.base": ("Metric", "MeanMetric", "EvalBatch"),
    "gantoolkit.training.task": ("Task",),
    "gantoolkit.bench.systems": ("System",),
    "gantoolkit.core.types": None,  # all
    "gantoolkit.registry.hookspecs": None,
}


def on_files(files: Files, config) -> Files:
    """Add the generated pages."""
    pages = {
        f"reference/{plural}.md": kind_page(plural, kind)
        for plural, kind in manifest.PLURALS.items()
    }
    pages["reference/python.md"] = python_page()
    pages["reference/contracts.md"] = contracts_page()
    pages["reference/files.md"] = files_page()
    for notebook in sorted((ROOT / "docs" / "tutorials").glob("*.ipynb")):
        pages[f"tutorials/{notebook.stem}.md"] = notebook_page(notebook)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def kind_page(plural: str, kind: str) -> str:
    """Write a page of all components of a kind: summary, paper, arguments, example."""
    parts = [f"# {plural.capitalize()}\n"]
    for name, entry in sorted(manifest.load().components[kind].items()):
        target = entry["module"].replace(":", ".")
        facts = [entry.get("summary", ""), entry.get("paper", "")]
        if entry["owner"] != manifest.GROUP:
            facts.append(f"plugin {entry['owner']}")
        line = " · ".join(fact for fact in facts if fact)
        parts.append(f"## `{name}`\n\n{line}\n\n::: {target}\n")
    return "\n".join(parts)


def notebook_page(notebook: Path) -> str:
    """Write the cells of a notebook as a page, with a link to the notebook itself."""
    parts = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    parts.insert(1, f"As a notebook: [{notebook.name}]({notebook.name}).")
    return "\n\n".join(parts) + "\n"


def python_page() -> str:
    """Write the page of what `import gantoolkit` offers, types and contracts apart."""
    parts = ["# Python names\n", "`import gantoolkit` offers these; types stand in"]
    parts.append("[contracts and types](contracts.md).\n")
    for name, module in gantoolkit._LAZY.items():
        if module not in CONTRACTS:
            parts.append(f"## `{name}`\n\n::: {module}.{name}\n")
    return "\n".join(parts)


def contracts_page() -> str:
    """Write the page of what components must offer, and what flows between them."""
    parts = ["# Contracts and types\n"]
    for module, members in CONTRACTS.items():
        shown = "" if members is None else f"      members: [{', '.join(members)}]\n"
        options = f"    options:\n      show_root_toc_entry: true\n{shown}"
        parts.append(f"## `{module}`\n\n::: {module}\n{options}")
    return "\n".join(parts)


def files_page() -> str:
    """Write the tables of weights, data and presets."""
    index = manifest.load()
    parts = ["# Weights, data and presets\n", "`gantoolkit show NAME` prints the whole entry.\n"]
    for title, entries in (("Weights", index.weights), ("Data", index.data)):
        parts.append(f"## {title}\n\n| name | what it is | size | licence |\n|---|---|---:|---|")
        for name, entry in sorted(entries.items()):
            size = f"{entry['bytes'] / 1e6:.1f} MB" if "bytes" in entry else ""
            facts = (f"`{name}`", entry.get("summary", ""), size, entry.get("licence", ""))
            parts.append(f"| {' | '.join(facts)} |")
        parts.append("")
    parts.append("## Presets\n\n| name | config | what it is |\n|---|---|---|")
    for name, entry in index.presets.items():
        parts.append(f"| `{name}` | `{entry['config']}` | {entry.get('summary', '')} |")
    return "\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page, config, files: Files) -> str:
    """Point links to source files at the reference, or turn them into text."""
    folder = posixpath.dirname(page.file.src_uri)

    def replaced(match: re.Match) -> str:
        text, target = match.groups()
        if "://" in target or target.startswith("#"):
            return match[0]
        path = posixpath.normpath(posixpath.join("docs", folder, target.partition("#")[0]))
        if path.startswith("docs/"):
            return match[0]
        if not (ROOT / path).exists():
            raise FileNotFoundError(f"{page.file.src_uri} links to {target}, which does not exist")
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if module in CONTRACTS:
            reference = posixpath.relpath("reference/contracts.md", folder or ".")
            return f"[{text}]({reference}#{module})"
        return text

    return LINK.sub(replaced, markdown)
