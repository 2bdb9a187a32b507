"""Move what recipes trained into the zoo: `python -m gantoolkit.bench.collect_zoo RUNS [NAME …]`, in a checkout.

registry.yaml is authored: each entry of `weights` says where its file belongs (`file`) and, for a recipe of ours,
which export of the run named like the recipe it is (`export`). This command copies the exports of finished runs
from RUNS/<recipe>, keeps their records in zoo/records/, writes sha256 and size into registry.yaml (every other line
stays as it is), and renews the tables of docs/zoo.md from the records.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest
from gantoolkit.report import record as records
from gantoolkit.report import zoo_tables

RECORDS = "zoo/records"


def collect(runs: Path, names: list[str]) -> list[str]:
    """Copy the exports of `names` (all that are there by default); returns what was copied."""
    root = manifest.checkout_root()
    if root is None:
        raise UsageError(
            "The zoo is collected in a checkout of gantoolkit, not in an installed package."
        )
    known = {n: e for n, e in manifest.load().weights.items() if "export" in e}
    if wrong := set(names) - set(known):
        raise UsageError(
            f"No weights named {', '.join(sorted(wrong))} with an export; known: {', '.join(known)}."
        )
    copied = []
    for name in names or known:
        run = runs / Path(known[name]["recipe"]).stem
        if (run / "record.json").exists():
            _replace(run / "export" / known[name]["export"], manifest.load().file(known[name]))
            copied.append(name)
    for run in sorted(runs.glob("*/record.json")):
        keep_record(run, manifest.package_root() / RECORDS / f"{run.parent.name}.json")
    register(root / "registry.yaml", {**manifest.load().weights, **manifest.load().data})
    zoo_tables.renew(root / "docs" / "zoo.md", manifest.package_root() / RECORDS)
    return copied


def keep_record(source: Path, target: Path) -> None:
    """A run's record without pictures, command line and paths of the machine it ran on."""
    record = json.loads(source.read_text())
    record["command"], record["samples"] = [], []
    record["environment"].pop("platform", None)
    files.write_json(target, records.published(record))


def _replace(source: Path, target: Path) -> None:
    """Put a file, in half precision, or a folder in place of another; a folder loses what the new one lacks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        state, arch, meta = weights.load(source)
        weights.save(target, state, arch, half=True, **meta)
        return
    fresh = target.with_name(target.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source, fresh, copy_function=shutil.copyfile)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def register(yaml: Path, entries: dict[str, dict]) -> None:
    """Write sha256 and bytes of every file that is there into the text of a registry.yaml."""
    text = yaml.read_text()
    for name, entry in entries.items():
        path = manifest.load().file(entry)
        if entry["owner"] != "gantoolkit" or "file" not in entry or not path.exists():
            continue
        size = (
            sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
            if path.is_dir()
            else path.stat().st_size
        )
        text = _set(
            _set(text, name, "sha256", f'"{weights.sha256(path)}"'), name, "bytes", str(size)
        )
    files.write_text(yaml, text)


def _set(text: str, name: str, key: str, value: str) -> str:
    """`key: value` inside the block of an entry."""
    block = re.search(rf"^  {re.escape(name)}:\n(?:    .*\n)+", text, re.M)
    if block is None:
        raise UsageError(f"registry.yaml has no block '{name}' of indented lines.")
    line = re.compile(rf"^    {key}: .*$", re.M)
    inner = block.group()
    inner = (
        line.sub(f"    {key}: {value}", inner)
        if line.search(inner)
        else inner + f"    {key}: {value}\n"
    )
    return text[: block.start()] + inner + text[block.end() :]


if __name__ == "__main__":
    print("collected:", ", ".join(collect(Path(sys.argv[1]), sys.argv[2:])) or "nothing")
