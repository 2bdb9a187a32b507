"""Copy what recipes trained into the zoo: `python -m gantoolkit.training.collect_zoo RUNS [NAME]`.

For maintainers, in a checkout; docs/new-zoo.md says what comes before and after. registry.yaml is
authored: each entry of `weights` says where its file belongs (`file`) and, for a recipe of ours,
which export of the run named like the recipe it is (`export`). This command copies the exports of
finished runs from RUNS/<recipe>, keeps their records in zoo/records/, writes sha256 and size into
registry.yaml (every other line stays as it is), and renews the tables of docs/zoo.md from the
records.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from gantoolkit import weights
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest
from gantoolkit.report import record as records
from gantoolkit.report import zoo_tables
from gantoolkit.weights.reading import NETWORKS

RECORDS = "zoo/records"


def collect(runs: Path, names: list[str]) -> list[str]:
    """Copy the exports of the weights `names`; return the names of what was copied.

    Without names, all weights are copied whose run is there.
    """
    root = manifest.checkout_root()
    if root is None:
        raise UsageError(
            "The zoo is collected in a checkout of gantoolkit, not in an installed package."
        )
    entries = manifest.load().weights
    exported = {name: entry for name, entry in entries.items() if "export" in entry}
    unknown = sorted(set(names) - set(exported))
    if unknown:
        raise UsageError(
            f"No weights named {', '.join(unknown)} with an export; known: {', '.join(exported)}."
        )
    copied = []
    for name in names or exported:
        entry = exported[name]
        run = runs / Path(entry["recipe"]).stem
        if (run / "record.json").exists():
            copy_export(run / "export" / entry["export"], manifest.load().file(entry), exported)
            copied.append(name)

    zoo_records = manifest.package_root() / RECORDS
    for run_record in sorted(runs.glob("*/record.json")):
        publish_record(run_record, zoo_records / f"{run_record.parent.name}.json")
    write_checksums(root / "registry.yaml", {**entries, **manifest.load().data})
    zoo_tables.renew(root / "docs" / "zoo.md", zoo_records)
    return copied


def publish_record(source: Path, target: Path) -> None:
    """Copy a run's record without samples, command line and paths of the machine it ran on."""
    record = files.read_json(source)
    record["command"] = []
    record["samples"] = []
    record["environment"].pop("platform", None)
    files.write_json(target, records.published(record))


def copy_export(source: Path, target: Path, exported: Mapping[str, dict]) -> None:
    """Copy a file, in half precision, or a folder, which loses what the new one lacks.

    exported  name → registry.yaml's entry, of all weights that runs export
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        state, arch, meta = weights.load(source)
        if NETWORKS in meta:
            networks = json.loads(meta[NETWORKS])
            meta[NETWORKS] = json.dumps(published_networks(networks, exported))
        weights.save(target, state, arch, half=True, **meta)
        return
    partial = target.with_name(target.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial, copy_function=shutil.copyfile)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def published_networks(networks: Mapping[str, str], exported: Mapping[str, dict]) -> dict[str, str]:
    """Call networks that trained weights by their names in the zoo, each by its shortest role.

    networks  role → weights name, or path of a run's export

    >>> entries = {"parser": {"recipe": "configs/pretrain/parser.py", "export": "p.safetensors"}}
    >>> path = "runs/parser/export/p.safetensors"
    >>> published_networks({"perceptual of eg3d": path, "perceptual": path}, entries)
    {'perceptual': 'parser'}
    """
    names = {
        f"{Path(entry['recipe']).stem}/export/{entry['export']}": name
        for name, entry in exported.items()
    }
    published = {}
    for role in sorted(networks, key=len):
        network = networks[role]
        of_a_run = "/".join(Path(network).parts[-3:])
        name = names.get(of_a_run, network)
        if name not in published.values():
            published[role] = name
    return published


def write_checksums(yaml: Path, entries: dict[str, dict]) -> None:
    """Write sha256 and bytes of every file that exists into the text of a registry.yaml."""
    text = yaml.read_text()
    for name, entry in entries.items():
        path = manifest.load().file(entry)
        is_ours = entry["owner"] == "gantoolkit" and "file" in entry
        if is_ours and path.exists():
            text = _set_value(text, name, "sha256", f'"{weights.sha256(path)}"')
            text = _set_value(text, name, "bytes", str(_size(path)))
    files.write_text(yaml, text)


def _size(path: Path) -> int:
    """Count the bytes of a file, or of all files of a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _set_value(text: str, name: str, key: str, value: str) -> str:
    """Set `key: value` inside the block of an entry."""
    block = re.search(rf"^  {re.escape(name)}:\n(?:    .*\n)+", text, re.M)
    if block is None:
        raise UsageError(f"registry.yaml has no block '{name}' of indented lines.")
    new_line = f"    {key}: {value}"
    old_line = re.compile(rf"^    {key}: .*$", re.M)
    content = block.group()
    if old_line.search(content):
        content = old_line.sub(new_line, content)
    else:
        content += new_line + "\n"
    return text[: block.start()] + content + text[block.end() :]


if __name__ == "__main__":
    print("collected:", ", ".join(collect(Path(sys.argv[1]), sys.argv[2:])) or "nothing")
