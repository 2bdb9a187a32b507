"""Arguments of `gantoolkit run` and `gantoolkit report`.

`run` checks its config before torch is imported.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from gantoolkit.cli import options


def add(verbs) -> None:
    """Add both verbs."""
    _add_run(verbs)
    report = options.add_verb(
        verbs,
        "report",
        "gantoolkit.report.run_page:main",
        "write the report of finished runs again",
    )
    report.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a finished run")


def _add_run(verbs) -> None:
    run = options.add_verb(
        verbs,
        "run",
        "gantoolkit.cli.run:main",
        "train what a config describes, score it and report",
    )
    run.add_argument(
        "config", metavar="CONFIG", help="a path (configs/absm_eg3d.py works anywhere) or a preset"
    )
    run.add_argument(
        "overrides", nargs="*", metavar="key=value", help="for instance schedule.iterations=100"
    )
    run.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    run.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME)")
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="only print parameters, memory and cache size; fetch nothing",
    )
    run.add_argument(
        "--processes",
        type=options.COUNT,
        metavar="N",
        help="share every batch among N processes: GPUs, or CPU cores (default: 1)",
    )
    options.add_threads(run)
    options.add_yes(run)


def main(args: Namespace) -> int | None:
    """Check a config, then train it or print what it would need."""
    from gantoolkit.config import loader

    values = loader.load_config(args.config, args.overrides).to_dict()
    if args.dry_run:
        from gantoolkit.planning.dry_run import main as dry_run

        dry_run(values, args.processes)
        return None
    from gantoolkit.training import processes
    from gantoolkit.weights.offer import offer

    offer(values, args.yes)
    if (args.processes or 1) > 1 and not processes.started_by_others():
        return processes.launch(["-m", "gantoolkit", *_words(args)], args.processes, args.threads)
    from gantoolkit.core.threads import use_threads
    from gantoolkit.training.runner import run

    use_threads(args.threads)
    raw = loader.find_config(args.config)
    command = ["gantoolkit", *sys.argv[1:]]
    run(values, args.out, args.resume, raw=raw, command=command)
    return None


def _words(args: Namespace) -> list[str]:
    """Return the command line of one of several processes."""
    words = ["run", args.config, *args.overrides, "--processes", str(args.processes)]
    words += ["--out", args.out] if args.out else []
    words += ["--resume"] if args.resume else []
    return words + (["--debug"] if args.debug else [])
