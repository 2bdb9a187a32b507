"""`gantoolkit compare`: score what other programs wrote, on the samples that all of them have."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from gantoolkit.bench import PROTOCOL, page
from gantoolkit.bench.official_outputs import ADAPTERS, MANIFEST, Outputs, find_outputs
from gantoolkit.bench.reference import Reference, open_output, read_output
from gantoolkit.bench.suite import Suite, SuiteRow
from gantoolkit.bench.systems import needs_of
from gantoolkit.bench.tables import MeasuredRow
from gantoolkit.config import validate
from gantoolkit.core import files
from gantoolkit.core.distributed import pick_device
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.files import check_output_folder
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.core.types import Record
from gantoolkit.data.pair_rule import CAPTIONS
from gantoolkit.inference.manifest import read_rows
from gantoolkit.metrics import Evaluator
from gantoolkit.registry import manifest
from gantoolkit.report import record as records
from gantoolkit.training import environment

BATCH = 8
EXAMPLE = (
    "write a name per line with its arguments in braces, such as 'lpips: {network: alex}' or "
    "'ms_ssim: {}'"
)
METRICS = ("fid", "kid", "lpips", "ms_ssim", "ssim", "id_gt", "acc", "miou")  # without --metrics
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
class OutputFolder:
    """NAME[:ADAPTER]=DIR of the command line."""

    name: str
    adapter: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> OutputFolder:
        """Parse NAME[:ADAPTER]=DIR.

        Without it, ADAPTER is NAME where that is a program, else `folder`.
        """
        label, equals, path = text.partition("=")
        name, _, adapter = label.partition(":")
        if not equals or not name or not path:
            raise UsageError(
                f"'{text}' is not an output folder; write NAME=DIR, for instance "
                "tedigan=results/tedigan."
            )
        if not re.fullmatch(r"[\w-][\w.-]*", name):
            raise UsageError(
                f"'{name}' names a row and its file; write NAME=DIR with a NAME of letters, "
                "digits, '.', '_' and '-' that does not begin with a dot."
            )
        adapter = adapter or (name if name in ADAPTERS else "folder")
        if adapter not in ADAPTERS:
            raise UsageError(
                f"There is no adapter '{adapter}'{did_you_mean(adapter, ADAPTERS)}; adapters: "
                f"{', '.join(ADAPTERS)}."
            )
        return cls(name, adapter, Path(path))


def main(args) -> int:
    """Run the verb: score what programs wrote, or prepare what one of them reads."""
    check_output_folder(args.out or (f"for-{args.prepare}" if args.prepare else "compare"))
    if args.prepare:
        return _prepare(args)
    folders = _parse_folders(args.outputs)
    metrics = read_metrics(args.metrics) if args.metrics else {name: {} for name in METRICS}
    args.device = pick_device(args.device)
    reference = Reference(args.data, args.size, args.caption)
    if not args.metrics and reference.name != "annyfaces":
        print(
            "judged by the zoo's judge, which knows only rendered faces; name networks with "
            "--metrics FILE.yaml.",
            file=sys.stderr,
        )
    outputs = {}
    for folder in folders:
        adapter = ADAPTERS[folder.adapter]
        outputs[folder.name] = find_outputs(adapter, folder.path, reference.samples)
    ids = common_ids(folders, outputs, reference, args.limit)
    for folder in folders:
        check_captions(folder, outputs[folder.name], ids, reference)
    rows = []
    for folder in folders:
        system = {"type": folder.adapter, "folder": folder.path.name}
        row = SuiteRow(folder.name, folder.name, system)
        record = make_record(folder, row, outputs[folder.name], ids, reference, metrics, args)
        rows.append(MeasuredRow(row, record))
    print(write(rows, metrics, Path(args.out or "compare")))
    return 0


def _prepare(args) -> int:
    from gantoolkit.bench import prepare

    given = [f"--{name}" for name in ("outputs", "metrics", "size") if getattr(args, name)]
    if given:
        raise UsageError(
            f"{', '.join(given)} cannot stand beside --prepare, which writes what a program reads; "
            "score its outputs with another command."
        )
    return prepare.main(args)


def _parse_folders(texts: Sequence[str]) -> list[OutputFolder]:
    if not texts:
        raise UsageError(
            "Give --outputs NAME=DIR … to score what programs wrote, or --prepare PROGRAM to make "
            "what one reads."
        )
    folders = [OutputFolder.parse(text) for text in texts]
    if len({folder.name for folder in folders}) < len(folders):
        raise UsageError(
            "Two output folders have one name; write NAME:ADAPTER=DIR with names of your own."
        )
    return folders


def read_metrics(file: str) -> dict[str, dict]:
    """Read metrics from a YAML file, as in a config; anything else is refused with an example."""
    try:
        metrics = manifest.read_yaml(Path(file))
    except DataError as error:
        raise UsageError(f"{str(error).removesuffix('; mend it.')}; {EXAMPLE}.") from None
    if not metrics:
        raise UsageError(f"{file} should name metrics; {EXAMPLE}.")
    for name, arguments in metrics.items():
        if not isinstance(arguments, (dict, type(None))):
            raise UsageError(
                f"{file}: {name} should be followed by its arguments, not {arguments!r}; {EXAMPLE}."
            )
    config = {"metrics": metrics}
    validate.check_components(config, dict.fromkeys(validate.flatten(config), file))
    return {name: arguments or {} for name, arguments in metrics.items()}


def common_ids(
    folders: Sequence[OutputFolder],
    outputs: Mapping[str, Outputs],
    reference: Reference,
    limit: int | None = None,
) -> list[str]:
    """Return the ids that every folder has, of the first `limit`; prints what is missing in each.

    outputs  folder name → its outputs
    """
    expected = [sample.id for sample in reference.samples][:limit]
    for folder in folders:
        missing = [id for id in expected if id not in outputs[folder.name]]
        if missing:
            shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
            print(
                f"{folder.name}: {len(missing)} of {len(expected)} outputs are missing: {shown} "
                "(looked "
                f"for {ADAPTERS[folder.adapter].looks_for} in {folder.path})",
                file=sys.stderr,
            )
    ids = [id for id in expected if all(id in of_folder for of_folder in outputs.values())]
    if len(ids) < 2:
        raise DataError(
            f"Only {len(ids)} of {len(expected)} samples have an output of every program; put a "
            "file "
            f'{MANIFEST} with lines {{"id": …, "file": …}} into the folders whose names differ.'
        )
    if len(ids) < len(expected):
        print(
            f"scored on the {len(ids)} samples that all have, of {len(expected)}.", file=sys.stderr
        )
    return ids


def check_captions(
    folder: OutputFolder, outputs: Outputs, ids: Sequence[str], reference: Reference
) -> None:
    """Refuse what `gantoolkit generate --data` drew from other captions than are scored."""
    texts = {sample.id: sample.text for sample in reference.samples}
    drawn = read_rows(folder.path)
    for id in ids:
        row = drawn.get(outputs[id].path.name, {})
        if "data" in row and row.get("text") != texts[id]:
            other = "first" if reference.caption == "rotating" else "rotating"
            raise UsageError(
                f"{folder.path} was drawn from other captions than those of {reference.name} that "
                f"are scored (sample {id}); add --caption {other}, or draw it again."
            )


def facts_of(folder: OutputFolder) -> dict:
    """Return needs, model and domain of a program; of ours as its manifest says."""
    adapter = ADAPTERS[folder.adapter]
    needs, is_3d = adapter.needs or ("text", "mask"), adapter.is_3d
    if folder.adapter == "gantoolkit":
        rows = [row for row in read_rows(folder.path).values() if "condition" in row]
        if rows:
            is_3d = any(row.get("is_3d") for row in rows)
            needs = (*needs_of(rows[0]["condition"]), *(("camera",) if is_3d else ()))
    return dict(needs=list(needs), model=adapter.model, domain="3D" if is_3d else "2D")


def make_record(
    folder: OutputFolder,
    row: SuiteRow,
    outputs: Outputs,
    ids: Sequence[str],
    reference: Reference,
    metrics: Mapping[str, dict],
    args,
) -> Record:
    """Score one program's pictures and record everything that the table says of them."""
    evaluator = _evaluate(outputs, ids, reference, metrics, args)
    adapter = ADAPTERS[folder.adapter]
    config = dict(
        protocol=PROTOCOL,
        row=row.name,
        label=row.label,
        system=row.system,
        split="given",
        data=reference.name,
        pairs=len(ids),
        missing=len(reference.samples) - len(outputs),
        **facts_of(folder),
    )
    notes = [] if adapter.needs else ["what it saw is not known; text and mask are assumed"]
    return Record(
        f"compare/{row.name}",
        config,
        ["gantoolkit", *sys.argv[1:]],
        environment.describe(),
        0,
        evaluator.weights(),
        {},
        {row.name: evaluator.compute()},
        notes=notes,
    )


def _evaluate(
    outputs: Outputs, ids: Sequence[str], reference: Reference, metrics: Mapping[str, dict], args
) -> Evaluator:
    """Compare one program's pictures with the truth, BATCH at a time."""
    height = open_output(outputs[ids[0]]).height
    resize = "none"
    if height != reference.size:
        resize = f"{height} to {reference.size}, box or antialiased bilinear"
    evaluator = Evaluator(
        metrics,
        args.judge,
        args.device,
        bootstrap=args.bootstrap,
        conditions=dict(
            resize=resize,
            latent_source="as the program drew it",
            captions=CAPTIONS.get(reference.caption, reference.caption),
        ),
    )
    for indices in torch.arange(len(ids)).split(BATCH):
        batch = [ids[index] for index in indices.tolist()]
        sample = reference.sample(batch)
        image = torch.stack([read_output(outputs[id], reference.size) for id in batch])
        evaluator.update(image, sample.target, sample.condition, sample_ids=indices)
    return evaluator


def write(rows: Sequence[MeasuredRow], metrics: Mapping[str, dict], out: Path) -> Path:
    """Write records and page into `out`; returns the page."""
    suite = Suite(
        "compare",
        "Outputs of other programs",
        tuple(row for row, _ in rows),
        metrics=dict(metrics),
        columns=tuple(dict.fromkeys([*COLUMNS, *metrics])),
        mini=False,
        about="All rows are scored on the samples for which every program has an output.",
    )
    for row, record in rows:
        files.write_json(out / f"{row.name}.json", records.to_json(record))
    for name, text in page.file_texts(suite, rows, out).items():
        files.write_text(out / name, text)
    return out / "compare.md"
