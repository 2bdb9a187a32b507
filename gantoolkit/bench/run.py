"""`gantoolkit bench SUITE`: make images and record of every row, then the page."""

from __future__ import annotations

import shutil
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

from gantoolkit import weights
from gantoolkit.bench import draw_row, own_run, page, provenance, score
from gantoolkit.bench import suite as suites
from gantoolkit.bench.pairs import read_list
from gantoolkit.bench.plan import Plan
from gantoolkit.bench.suite import Suite, SuiteRow
from gantoolkit.core import files
from gantoolkit.core.distributed import pick_device
from gantoolkit.core.errors import DataError, GantoolkitError, UsageError
from gantoolkit.core.files import check_output_folder
from gantoolkit.core.types import Record
from gantoolkit.registry import manifest, messages
from gantoolkit.report import record as records

RESULTS, TABLES = "benchmarks/results", "docs/tables"


def main(args) -> int:
    """Run the verb: check all pages, list the suites, or measure one of them."""
    if args.check:
        return check(_results_folder(args.out), _tables_folder(args))
    if not args.suite:
        for name, file in suites.shipped_suites().items():
            print(f"{name:<12} {suites.load_suite(str(file)).title}")
        return 0

    plan = _plan(args)
    check_output_folder(plan.folder)
    if plan.split == "test" and plan.is_whole:
        print("scoring the split 'test': once per final system, please.", file=sys.stderr)
    rows = plan.suite.rows
    if args.only:
        rows = tuple(plan.suite.row(name) for name in args.only)
    measure_rows(plan, rows)

    as_measured = replace(plan.suite, split=plan.split, pairs=plan.count)
    is_shipped = plan.is_whole and not own_run.is_run(args.suite)
    tables = _tables_folder(args) if is_shipped or args.tables else None
    written = page.write(as_measured, plan.folder, tables or plan.folder)
    print(written)
    measured = page.read_rows(as_measured, plan.folder)
    for problem in provenance.find_problems(measured):
        print(f"{written} {problem}.", file=sys.stderr)
    return 0 if measured else 1


def _plan(args) -> Plan:
    is_own = own_run.is_run(args.suite)
    suite = own_run.suite_of(args.suite) if is_own else suites.load_suite(args.suite)
    is_quick = args.pairs is not None and not args.split and not is_own
    split = args.split or (suites.QUICK_SPLIT if is_quick else suite.split)
    available = suite.seeds * len(read_list(split))
    count = args.pairs or (suite.pairs if split == suite.split else available)
    if count < 2:
        raise UsageError(f"--pairs {count} is too few; give at least 2.")
    if count % suite.seeds:
        raise UsageError(
            f"--pairs {count} should be a multiple of the suite's {suite.seeds} seeds."
        )
    if count > available:
        raise UsageError(
            f"The split {split} has {available} pairs; give --pairs {available} or less."
        )
    return Plan(
        suite,
        split,
        count,
        Path(args.suite) / own_run.FOLDER if is_own and not args.out else _results_folder(args.out),
        Path(args.runs),
        args.data,
        str(pick_device(args.device)),
        args.workers,
        args.debug,
    )


def _results_folder(out: str | None) -> Path:
    return Path(out or _in_checkout(RESULTS) or "bench")


def _tables_folder(args) -> Path | None:
    """Return the folder of all pages; None where each lies beside its records."""
    if args.tables:
        return Path(args.tables)
    return None if args.out else _in_checkout(TABLES)


def _in_checkout(folder: str) -> Path | None:
    root = manifest.checkout_root()
    return root / folder if root else None


def measure_rows(plan: Plan, rows: tuple[SuiteRow, ...]) -> dict[str, str]:
    """Make and score the rows that have no record yet.

    Returns row name → why it could not be made.
    """
    failures: dict[str, str] = {}

    def measure(row: SuiteRow) -> None:
        try:
            _measure_row(plan, row)
        except UsageError:
            raise
        except GantoolkitError as error:
            if plan.debug:
                traceback.print_exc()
            failures[row.name] = str(error)
            recipe = f" Make it with: {row.recipe}" if row.recipe else ""
            print(f"{row.name}: {error}{recipe}", file=sys.stderr)

    with ThreadPoolExecutor(max(1, plan.workers)) as pool:
        list(pool.map(measure, rows))
    return failures


def _measure_row(plan: Plan, row: SuiteRow) -> None:
    """Make a row's images and its record, unless the record is current."""
    missing = suites.missing_run(row.system, plan.runs)
    if missing:
        raise DataError(missing)
    folder, job = plan.work_folder(row), plan.job(row)
    record_file, made_file = plan.folder / f"{row.name}.json", folder / draw_row.MADE
    record = records.load(record_file) if record_file.is_file() else None
    drawn_by = {}  # name or path → sha256 of the weights
    if made_file.is_file():
        drawn_by = draw_row.read_made(made_file)["weights"]
    elif record is not None:
        drawn_by = record.weights  # without paths: of these nothing is known here
    if _changed_weights(drawn_by):
        shutil.rmtree(folder, ignore_errors=True)
    elif record is not None and _is_current(plan, row, record):
        return

    pairs = job.open_pairs(draw_row.say)
    draw_row.say(f"{plan.edition}/{row.name} …")
    files.write_json(folder / "job.json", asdict(job))
    spawn(folder / "job.json", plan.debug)
    record = score.make_record(
        plan.suite,
        row,
        job,
        draw_row.read_made(made_file),
        pairs,
        folder,
        ["gantoolkit", *sys.argv[1:]],
        plan.workers,
    )
    record.config["work"] = folder.name
    files.write_json(record_file, records.published(records.to_json(record)))


def spawn(job: Path, debug: bool = False) -> None:
    """Make a row's images in a process of its own.

    Raises DataError with the last line that it printed; with `debug` all of it is shown.
    """
    command = [sys.executable, "-m", "gantoolkit.bench.draw_row", str(job)]
    if debug:
        command.append("--debug")
    done = subprocess.run(command, text=True, stderr=subprocess.PIPE)
    if not done.returncode:
        return
    lines = done.stderr.replace("\r", "\n").strip().splitlines() or ["it said nothing"]
    if debug:
        draw_row.say("\n".join(lines))
    elif done.returncode not in (1, 2):
        raise DataError(f"The row's process ended with {done.returncode}: {lines[-1]}")
    elif any(line.startswith("Traceback (") for line in lines):
        raise DataError(f"{lines[-1].rstrip('.')}. Repeat with --debug for the traceback.")
    raise DataError(lines[-1])


def _is_current(plan: Plan, row: SuiteRow, record: Record) -> bool:
    """Whether a record is of the plan's images, by the judges and metrics of now."""
    if record.config.get("measures") != score.measurement_digest(plan.suite):
        return False
    folders = [plan.work_folder(row).name]
    recorded = record.config.get("system") or row.system
    if _same_system(recorded, row.system):
        folders.append(plan.work_folder(replace(row, system=recorded)).name)
    if record.config.get("work") not in folders:
        return False

    judges = [score.judge_digests(scores) for scores in record.scores.values()]
    return not any(map(_changed_weights, judges))


def _same_system(recorded: dict, system: dict) -> bool:
    """Whether a recorded system is `system`, perhaps under the name that its type had earlier."""
    name = messages.new_name("components", recorded["type"], [system["type"]])
    return recorded | {"type": name or recorded["type"]} == system


def _changed_weights(recorded: dict[str, str]) -> list[str]:
    """Return the weights, by name or path, whose sha256 differs now.

    Those that are gone do not count.
    """
    known = manifest.load().weights
    present = [name for name in recorded if Path(name).exists() or name in known]
    return weights.differing(recorded, weights.checksums(present))


def check(out: Path, tables: Path | None) -> int:
    """Check that every page is what its records say, and fair; returns the exit code.

    tables  folder of the pages; None: they lie beside their records
    """
    if not out.is_dir():
        raise DataError(f"There is no folder {out}; name the folder of the records with --out.")
    shipped = suites.shipped_suites()
    measured = [name for name in shipped if list((out / name).glob("*.json"))]
    if not measured:
        raise DataError(
            f"{out} holds no records of a whole suite ({', '.join(shipped)}); pages of quick "
            "forms are not checked."
        )
    problems = []
    for name in measured:
        problems += _page_problems(suites.load_suite(name), out, tables or out / name)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    pages = "1 page follows" if len(measured) == 1 else f"{len(measured)} pages follow"
    print(f"{pages} from the records in {out}.")
    return 0


def _page_problems(suite: Suite, out: Path, tables: Path) -> list[str]:
    """Say in sentences where a page differs from its records, and where these forbid one."""
    folder = out / suite.name
    sentences = []
    for path in page.outdated_files(suite, folder, tables):
        sentences.append(
            f"{path} does not follow from the records in {out}; write it again with "
            f"`gantoolkit bench {suite.name}`."
        )
    for problem in provenance.find_problems(page.read_rows(suite, folder)):
        sentences.append(
            f"{tables / suite.name}.md {problem}; make these rows anew with "
            f"`gantoolkit bench {suite.name}`."
        )
    return sentences
