"""Arguments of `gantoolkit bench` and `gantoolkit compare`."""

from __future__ import annotations

import argparse

from gantoolkit.cli import options


def add(verbs) -> None:
    """Add both verbs."""
    _add_bench(verbs)
    _add_compare(verbs)


def _add_bench(verbs) -> None:
    bench = options.add_verb(
        verbs,
        "bench",
        "gantoolkit.bench.run:main",
        "compare systems on frozen pairs and make the tables",
    )
    bench.add_argument(
        "suite",
        nargs="?",
        metavar="SUITE",
        help="table1, table2, … (none: list them), a .yaml file, or a run folder: that run on its "
        "own validation data",
    )
    bench.add_argument(
        "--pairs",
        type=options.whole(2),
        metavar="N",
        help="the quick form: the first N pairs of the split val",
    )
    bench.add_argument(
        "--split", metavar="NAME", help="val or test (default: the suite's; with --pairs: val)"
    )
    bench.add_argument(
        "--only", nargs="+", default=[], metavar="ROW", help="only these rows of the suite"
    )
    _add_bench_folders(bench)
    options.add_device(bench)
    bench.add_argument(
        "--workers",
        type=options.COUNT,
        default=1,
        metavar="N",
        help="rows at a time; above 1 seconds are marked",
    )
    bench.add_argument(
        "--check", action="store_true", help="fail when a page does not follow from its records"
    )


def _add_bench_folders(bench: argparse.ArgumentParser) -> None:
    bench.add_argument(
        "--out",
        metavar="DIR",
        help="records (in a checkout: benchmarks/results; of a run: RUN/bench)",
    )
    bench.add_argument(
        "--tables",
        metavar="DIR",
        help="pages (default: docs/tables, of a quick form beside the records)",
    )
    bench.add_argument(
        "--runs", default="runs", metavar="DIR", help="where trained runs lie (default: runs)"
    )
    bench.add_argument(
        "--data",
        metavar="ZIP",
        help="the split's pictures, where they are neither embedded nor cached",
    )


def _add_compare(verbs) -> None:
    compare = options.add_verb(
        verbs, "compare", "gantoolkit.bench.compare:main", "score what other programs wrote"
    )
    compare.add_argument(
        "--data", required=True, metavar="ZIP|DIR", help="the truth: images, masks, prompts"
    )
    compare.add_argument(
        "--outputs",
        nargs="+",
        default=[],
        metavar="NAME[:ADAPTER]=DIR",
        help="tedigan, ide3d, uac, controlnet, collaborative, mmface, facemogle, gantoolkit, "
        "or any NAME=DIR of ID.png",
    )
    compare.add_argument(
        "--prepare",
        choices=(
            "tedigan",
            "ide3d",
            "uac",
            "collaborative",
            "controlnet",
            "mmface",
            "facemogle",
        ),
        help="instead: write into --out what this official program reads of a data set zip",
    )
    compare.add_argument(
        "--out",
        metavar="DIR",
        help="records and page (default: compare), or what --prepare writes (default: for-PROGRAM)",
    )
    compare.add_argument(
        "--caption",
        choices=("rotating", "first"),
        default="rotating",
        help="of a zip's captions: number 7 i of sample i, modulo how many it has, or the first",
    )
    _add_scoring(compare)
    options.add_device(compare)


def _add_scoring(compare: argparse.ArgumentParser) -> None:
    compare.add_argument(
        "--metrics", metavar="FILE", help="YAML of metrics with their networks, as in configs"
    )
    compare.add_argument(
        "--judge", default="judge", metavar="NAME", help="weights that the name 'judge' stands for"
    )
    compare.add_argument(
        "--size",
        type=options.PIXELS,
        metavar="R",
        help="score at this size (default: a zip's own, else 256)",
    )
    compare.add_argument("--limit", type=options.whole(2), metavar="N", help="the first N samples")
    compare.add_argument(
        "--bootstrap",
        type=options.whole(0),
        default=200,
        metavar="N",
        help="replicates behind intervals",
    )
