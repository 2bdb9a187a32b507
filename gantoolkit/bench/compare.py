"""`gantoolkit compare`: scores of what the official programs wrote, all on the samples that all of them have."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

from gantoolkit.bench import PROTOCOL, official_outputs, page
from gantoolkit.bench.reference import Reference, opened, read
from gantoolkit.bench.suite import Row, Suite
from gantoolkit.config import validate
from gantoolkit.core import files
from gantoolkit.core.distributed import pick_device
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.files import check_output_folder
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.core.types import Record
from gantoolkit.metrics import Evaluator
from gantoolkit.registry import manifest
from gantoolkit.report import record as records
from gantoolkit.training.run_folder import environment

BATCH = 8
EXAMPLE = "write a name per line with its arguments in braces, such as 'lpips: {network: alex}' or 'ms_ssim: {}'"
METRICS = {
    "fid": {},
    "kid": {},
    "lpips": {},
    "ms_ssim": {},
    "ssim": {},
    "id_gt": {},
    "acc": {},
    "miou": {},
}
COLUMNS = (
    "fid",
    "kid",
    "lpips",
    "ms_ssim",
    "ssim",
    "id_gt",
    "acc",
    "miou_present",
    "miou_all19",
    "clip",
)


@dataclass(frozen=True)
class Folder:
    """NAME[:ADAPTER]=DIR of the command line."""

    name: str
    adapter: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> Folder:
        """ADAPTER is NAME where that is a program's, else `folder`."""
        label, equals, path = text.partition("=")
        name, _, adapter = label.partition(":")
        if not equals or not name or not path:
            raise UsageError(
                f"'{text}' is no output folder; write NAME=DIR, for instance tedigan=results/tedigan."
            )
        if not re.fullmatch(r"[\w-][\w.-]*", name):
            raise UsageError(
                f"'{name}' names a row and its file; write NAME=DIR with a NAME of letters, digits, '.', "
                "'_' and '-' that does not begin with a dot."
            )
        adapter = adapter or (name if name in official_outputs.ADAPTERS else "folder")
        if adapter not in official_outputs.ADAPTERS:
            raise UsageError(
                f"There is no adapter '{adapter}'{did_you_mean(adapter, official_outputs.ADAPTERS)}; adapters: "
                f"{', '.join(official_outputs.ADAPTERS)}."
            )
        return cls(name, adapter, Path(path))


def main(args) -> int:
    """The verb."""
    check_output_folder(args.out or (f"for-{args.prepare}" if args.prepare else "compare"))
    if args.prepare:
        from gantoolkit.bench import prepare

        if scored := [
            f"--{name}" for name in ("outputs", "metrics", "size") if getattr(args, name)
        ]:
            raise UsageError(
                f"{', '.join(scored)} cannot stand beside --prepare, which writes what a program reads; "
                "score its outputs with another command."
            )
        return prepare.main(args)
    if not args.outputs:
        raise UsageError(
            "Give --outputs NAME=DIR … to score what programs wrote, or --prepare PROGRAM to make what one "
            "reads."
        )
    folders = [Folder.parse(text) for text in args.outputs]
    if len({f.name for f in folders}) < len(folders):
        raise UsageError(
            "Two output folders have one name; write NAME:ADAPTER=DIR with names of your own."
        )
    metrics = read_metrics(args.metrics) if args.metrics else METRICS
    args.device = pick_device(args.device)
    reference = Reference(args.data, args.size)
    if not args.metrics and reference.name != "annyfaces":
        print(
            "judged by the zoo's judge, which knows rendered faces alone; name networks with --metrics FILE.yaml.",
            file=sys.stderr,
        )
    found = {
        f.name: official_outputs.outputs(
            official_outputs.ADAPTERS[f.adapter], f.path, reference.wanted
        )
        for f in folders
    }
    ids = common(folders, found, reference, args.limit)
    lines = [
        (row, record(folder, row, found[folder.name], ids, reference, metrics, args))
        for folder in folders
        for row in [
            Row(folder.name, folder.name, {"type": folder.adapter, "folder": folder.path.name})
        ]
    ]
    print(write(lines, metrics, Path(args.out or "compare")))
    return 0


def read_metrics(file: str) -> dict[str, dict]:
    """The metrics of a YAML file, as a config's; what is none is refused with an example."""
    try:
        metrics = manifest.read_yaml(Path(file))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is no YAML ({' '.join(str(error).split())}); {EXAMPLE}."
        ) from None
    if not isinstance(metrics, dict) or not metrics:
        raise UsageError(f"{file} should name metrics; {EXAMPLE}.")
    for name, arguments in metrics.items():
        if not isinstance(arguments, (dict, type(None))):
            raise UsageError(
                f"{file}: {name} should be followed by its arguments, not {arguments!r}; {EXAMPLE}."
            )
    validate.check_components(
        {"metrics": metrics}, dict.fromkeys(validate.flatten({"metrics": metrics}), file)
    )
    return {name: arguments or {} for name, arguments in metrics.items()}


def common(
    folders: Sequence[Folder],
    found: Mapping[str, official_outputs.Found],
    reference: Reference,
    limit: int | None = None,
) -> list[str]:
    """The ids that every folder has; says what is missing in each."""
    wanted = [one.id for one in reference.wanted][:limit]
    for folder in folders:
        missing = [i for i in wanted if i not in found[folder.name]]
        if missing:
            shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
            print(
                f"{folder.name}: {len(missing)} of {len(wanted)} outputs are missing: {shown} (looked for "
                f"{official_outputs.ADAPTERS[folder.adapter].looks_for} in {folder.path})",
                file=sys.stderr,
            )
    ids = [i for i in wanted if all(i in found[folder.name] for folder in folders)]
    if len(ids) < 2:
        raise DataError(
            f"Only {len(ids)} of {len(wanted)} samples have an output of every program; put a file "
            f'{official_outputs.MANIFEST} with lines {{"id": …, "file": …}} into the folders whose names '
            "differ."
        )
    if len(ids) < len(wanted):
        print(f"scored on the {len(ids)} samples that all have, of {len(wanted)}.", file=sys.stderr)
    return ids


def record(
    folder: Folder,
    row: Row,
    found: official_outputs.Found,
    ids: Sequence[str],
    reference: Reference,
    metrics: Mapping[str, dict],
    args,
) -> Record:
    """Scores of one program's pictures."""
    native = opened(found[ids[0]]).height
    resized = (
        f"{native} to {reference.size}, box or antialiased bilinear"
        if native != reference.size
        else "none"
    )
    evaluator = Evaluator(
        metrics,
        args.judge,
        args.device,
        bootstrap=args.bootstrap,
        conditions=dict(resize=resized, latent_source="as the program drew it"),
    )
    for part in torch.arange(len(ids)).split(BATCH):
        chosen = [ids[i] for i in part.tolist()]
        sample = reference.sample(chosen)
        image = torch.stack([read(found[i], reference.size) for i in chosen])
        evaluator.update(image, sample.target, sample.condition, sample_ids=part)
    adapter = official_outputs.ADAPTERS[folder.adapter]
    config = dict(
        protocol=PROTOCOL,
        row=row.name,
        label=row.label,
        system=row.system,
        split="given",
        data=reference.name,
        pairs=len(ids),
        missing=len(reference.wanted) - len(found),
        needs=list(adapter.needs or ("text", "mask")),
        model=adapter.model,
        domain="3D" if adapter.is_3d else "2D",
    )
    notes = [] if adapter.needs else ["what it saw is not known; text and mask are assumed"]
    return Record(
        f"compare/{row.name}",
        config,
        ["gantoolkit", *sys.argv[1:]],
        environment(),
        0,
        evaluator.weights(),
        {},
        {row.name: evaluator.compute()},
        notes=notes,
    )


def write(lines: Sequence[tuple[Row, Record]], metrics: Mapping[str, dict], out: Path) -> Path:
    """Records and page."""
    suite = Suite(
        "compare",
        "Outputs of other programs",
        tuple(row for row, _ in lines),
        metrics=dict(metrics),
        columns=tuple(dict.fromkeys([*COLUMNS, *metrics])),
        mini=False,
        about="All rows are scored on the samples for which every program has an output.",
    )
    for row, found in lines:
        files.write_json(out / f"{row.name}.json", records.to_json(found))
    for name, text in page.texts(suite, lines, out).items():
        files.write_text(out / name, text)
    return out / "compare.md"
