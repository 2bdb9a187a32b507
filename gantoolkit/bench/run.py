"""`gantoolkit bench SUITE`: every row in a process of its own, then records, then the page."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gantoolkit import weights
from gantoolkit.bench import draw_row, page, score
from gantoolkit.bench import suite as suites
from gantoolkit.bench.pairs import listed, open_pairs
from gantoolkit.bench.suite import Row, Suite
from gantoolkit.core import files
from gantoolkit.core.distributed import pick_device
from gantoolkit.core.errors import DataError, GantoolkitError, UsageError
from gantoolkit.core.files import check_output_folder
from gantoolkit.registry import manifest
from gantoolkit.report import record as records

RESULTS, TABLES = "benchmarks/results", "docs/tables"


@dataclass(frozen=True)
class Plan:
    """What the command line decides."""

    suite: Suite
    split: str
    count: int
    out: Path
    runs: Path
    data: str | None = None
    device: str = "cpu"
    workers: int = 1

    @property
    def edition(self) -> str:
        """Name of the results: the suite's own, with split and number of pairs where they are others."""
        whole = (self.split, self.count) == (self.suite.split, self.suite.pairs)
        return self.suite.name if whole else f"{self.suite.name}-{self.split}-{self.count}"

    @property
    def folder(self) -> Path:
        return self.out / self.edition

    def job(self, row: Row) -> draw_row.Job:
        """The images of a row."""
        suite, system = self.suite, suites.located(row.system, self.runs)
        return draw_row.Job(
            system,
            self.split,
            self.count,
            suite.condition,
            suite.seed,
            row.batch,
            min(suite.without_text, self.count),
            min(suite.views, self.count),
            self.data,
            self.device,
        )

    def work(self, row: Row) -> Path:
        """Where a row's images lie; another system, weights or list gives another folder."""
        job = self.job(row)
        key = json.dumps([{**asdict(job), "data": None}, _stamp(job.system)], sort_keys=True)
        return (
            self.out
            / "work"
            / self.edition
            / f"{row.name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        )


def main(args) -> int:
    """The verb."""
    if args.check:
        return check(_out(args.out), _shared_tables(args))
    if not args.suite:
        for name, file in suites.shipped().items():
            print(f"{name:<12} {suites.load(str(file)).title}")
        return 0
    plan = _plan(args)
    check_output_folder(plan.folder)
    if plan.split == "test" and plan.edition == plan.suite.name:
        print("scoring the split 'test': once per final system, please.", file=sys.stderr)
    chosen = [plan.suite.row(name) for name in args.only] if args.only else plan.suite.rows
    bench(plan, tuple(chosen))
    measured = replace(plan.suite, split=plan.split, pairs=plan.count)
    print(page.write(measured, plan.folder, _tables(args, plan)))
    return 0 if page.rows(measured, plan.folder) else 1


def _plan(args) -> Plan:
    suite = suites.load(args.suite)
    quick = args.pairs is not None and not args.split
    split = args.split or (suites.QUICK if quick else suite.split)
    most = len(listed(split))
    count = args.pairs or (suite.pairs if split == suite.split else most)
    if count < 2:
        raise UsageError(f"--pairs {count} is too few; give at least 2.")
    if count > most:
        raise UsageError(f"The split {split} has {most} pairs; give --pairs {most} or less.")
    return Plan(
        suite,
        split,
        count,
        _out(args.out),
        Path(args.runs),
        args.data,
        str(pick_device(args.device)),
        args.workers,
    )


def _out(given: str | None) -> Path:
    return Path(given or _in_checkout(RESULTS) or "bench")


def _in_checkout(folder: str) -> Path | None:
    return root / folder if (root := manifest.checkout_root()) else None


def _tables(args, plan: Plan) -> Path:
    """Where the page goes: docs/tables for the whole suite in a checkout, else beside the records."""
    whole = plan.edition == plan.suite.name
    return (whole or args.tables) and _shared_tables(args) or plan.folder


def _shared_tables(args) -> Path | None:
    """The folder of all pages; None where each lies beside its records."""
    return Path(args.tables) if args.tables else None if args.out else _in_checkout(TABLES)


def bench(plan: Plan, rows: tuple[Row, ...]) -> dict[str, str]:
    """Make and score rows that have no record yet; returns row → why it could not be made."""
    missing: dict[str, str] = {}

    def one(row: Row) -> None:
        try:
            _row(plan, row)
        except UsageError:
            raise
        except GantoolkitError as error:
            if _debug():
                traceback.print_exc()
            missing[row.name] = str(error)
            print(
                f"{row.name}: {error}{f' Make it with: {row.recipe}' if row.recipe else ''}",
                file=sys.stderr,
            )

    with ThreadPoolExecutor(max(1, plan.workers)) as pool:
        list(pool.map(one, rows))
    return missing


def _row(plan: Plan, row: Row) -> None:
    """One record, unless it is there already."""
    if missing := suites.absent(row.system, plan.runs):
        raise DataError(missing)
    folder, job = plan.work(row), plan.job(row)
    file, made = plan.folder / f"{row.name}.json", folder / draw_row.MADE
    if made.is_file() and _changed(_read(made)["weights"]):
        shutil.rmtree(folder)  # images by weights that were replaced since
    elif _current(file, folder, job.system, plan.suite):
        return
    opened = open_pairs(
        plan.split, plan.count, plan.suite.seed, plan.data, draw_row.say
    )  # rendered here, where it is seen
    draw_row.say(f"{plan.edition}/{row.name} …")
    files.write_json(folder / "job.json", asdict(job))
    spawn(folder / "job.json")
    found = score.record(
        plan.suite,
        row,
        job,
        _read(made),
        opened,
        folder,
        ["gantoolkit", *sys.argv[1:]],
        plan.workers,
    )
    found.config["work"] = folder.name
    files.write_json(file, records.published(records.to_json(found)))


def spawn(job: Path) -> None:
    """Make a row's images in a process of its own; DataError with the last line that it said, --debug shows all."""
    command = [
        sys.executable,
        "-m",
        "gantoolkit.bench.draw_row",
        str(job),
        *(["--debug"] if _debug() else []),
    ]
    done = subprocess.run(command, text=True, stderr=subprocess.PIPE)
    if not done.returncode:
        return
    lines = done.stderr.replace("\r", "\n").strip().splitlines() or ["it said nothing"]
    if _debug():
        draw_row.say("\n".join(lines))
    elif done.returncode not in (1, 2):
        raise DataError(f"The row's process ended with {done.returncode}: {lines[-1]}")
    elif any(line.startswith("Traceback (") for line in lines):
        raise DataError(f"{lines[-1].rstrip('.')}. Repeat with --debug for the traceback.")
    raise DataError(lines[-1])


def _debug() -> bool:
    """Whether the command line asks for tracebacks."""
    return "--debug" in sys.argv


def _read(made: Path) -> dict:
    """What made.json says."""
    return json.loads(made.read_text(encoding="utf-8"))


def _current(file: Path, folder: Path, system: dict, suite: Suite) -> bool:
    """Whether a record is of exactly these images, by the weights that `system` names, and what the suite measures now."""
    if not file.is_file():
        return False
    record = records.load(file)
    if (record.config.get("work"), record.config.get("measures")) != (
        folder.name,
        score.measures(suite),
    ):
        return False
    named = {name: digest for name, digest in record.weights.items() if name in system.values()}
    return not any(map(_changed, [named, *map(score.judges, record.scores.values())]))


def _changed(known: dict[str, str]) -> list[str]:
    """The weights, by name or path, whose sha256 is another now; what is not here any more is not among them."""
    here = [name for name in known if Path(name).exists() or name in manifest.load().weights]
    return weights.differing(known, weights.checksums(here))


def _stamp(system: dict) -> list[str]:
    """Changes when a run folder that the system names is trained again."""
    folders = [
        Path(value) / "export" for value in system.values() if isinstance(value, str) and value
    ]
    return [
        hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in folders
        if folder.is_dir()
        for file in sorted(folder.rglob("*.safetensors"))
    ]


def check(out: Path, tables: Path | None) -> int:
    """Whether every page is what its records say; names those that are not. `tables` None: pages lie beside them."""
    if not out.is_dir():
        raise DataError(f"There is no folder {out}; name the folder of the records with --out.")
    found, wrong = [name for name in suites.shipped() if list((out / name).glob("*.json"))], []
    if not found:
        raise DataError(
            f"{out} holds no records of a whole suite ({', '.join(suites.shipped())}); pages of quick "
            "forms are not checked."
        )
    for name in found:
        wrong += page.differences(suites.load(name), out / name, tables or out / name)
    for path in wrong:
        print(
            f"{path} does not follow from the records in {out}; write it again with `gantoolkit bench "
            f"{path.stem}`.",
            file=sys.stderr,
        )
    if not wrong:
        print(
            f"{len(found)} {'page follows' if len(found) == 1 else 'pages follow'} from the records in {out}."
        )
    return 1 if wrong else 0
