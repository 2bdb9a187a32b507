"""Ours against the official repositories at equal weights, as ratios, beside what the machine can do.

    python benchmarks/speed/official.py --stylegan2 DIR --eg3d DIR [--device cuda] [--only CASE] [--out FILE.json]

DIR are checkouts of github.com/NVlabs/stylegan2-ada-pytorch and github.com/NVlabs/eg3d; their code is executed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

OUT = Path(__file__).parents[1] / "results" / "official.json"
TOLERANCE, FIDELITY = (
    1e-3,
    40.0,
)  # largest difference of pixels in fp32; dB of bf16 against our own fp32
VARIANTS = {"theirs": ("theirs", "fp32"), "fp32": ("ours", "fp32"), "bf16": ("ours", "bf16")}
PASSES = {"forward": False, "forward + backward": True}
BARS = {
    ("stylegan2", "forward"): dict(fp32=1.5, bf16=3.0),
    ("eg3d", "forward"): dict(fp32=3.0, bf16=5.0),
    ("stylegan2", "forward + backward"): dict(fp32=1.5, bf16=2.0),
    ("eg3d", "forward + backward"): dict(fp32=1.5, bf16=2.0),
}


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--stylegan2", type=Path, metavar="DIR", help="checkout of stylegan2-ada-pytorch"
    )
    parser.add_argument("--eg3d", type=Path, metavar="DIR", help="checkout of eg3d")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument(
        "--seconds", type=float, default=40.0, help="of rounds per case and pass (40)"
    )
    parser.add_argument("--threads", type=int, help="of torch (default: as torch chooses)")
    parser.add_argument(
        "--only", metavar="CASE", help="measure this case again and keep the record's other rows"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=OUT,
        help="record to write (default: benchmarks/results/official.json)",
    )
    options = parser.parse_args(argv)
    if not options.stylegan2 and not options.eg3d:
        parser.error("name a checkout: --stylegan2 DIR, --eg3d DIR or both")
    for name, inside in (("stylegan2", "training/networks.py"), ("eg3d", "training/triplane.py")):
        setattr(options, name, root(parser, getattr(options, name), inside))
    return options


def root(parser: argparse.ArgumentParser, folder: Path | None, inside: str) -> Path | None:
    """The folder of the packages within a checkout."""
    for found in [folder, folder / "eg3d"] if folder else []:
        if (found / inside).is_file():
            return found
    if folder:
        parser.error(f"{folder} has no {inside}; name a checkout of the repository.")


def compare(pair) -> dict[str, float]:
    """Largest difference of pixels and of gradients (against their largest entry) in fp32; bf16 in dB.

    Pixels are the worse of both passes, since these take different ways where no gradient is asked for.
    """
    from timing import rounded

    wanted, slope = pair.run("theirs", "fp32", True)
    image, gradient = pair.run("ours", "fp32", True)
    rough, rough_gradient = pair.run("ours", "bf16", True)
    alone, rough_alone = pair.run("ours", "fp32", False)[0], pair.run("ours", "bf16", False)[0]
    noise = max((rough - image).square().mean(), (rough_alone - alone).square().mean())
    slip = max((image - wanted).abs().max(), (alone - wanted).abs().max())
    return dict(
        pixels=rounded(float(slip)),
        spread=rounded(float(wanted.std())),
        gradients=rounded(float((gradient - slope).abs().max() / slope.abs().max())),
        psnr=round(float(10 * (4 / noise).log10()), 1),
        gradients_bf16=rounded(float((rough_gradient - slope).norm() / slope.norm())),
    )


def usage(run, forget, precision: str, device: str, rates: dict) -> dict[str, float | None]:
    """Peak memory in MB (median of three runs), Gflop and GB of a run, and what they would take at the machine's rates.

    forget   called before each run: what is kept of frozen weights counts as memory
    """
    import roofline

    peaks = []
    for _ in range(3):
        forget()
        peaks.append(roofline.peak_megabytes(run, device))
    peak, work = None if None in peaks else sorted(peaks)[1], roofline.work(run)
    return dict(peak=peak, **work, **roofline.roofs(work, rates, precision))


def measure(pair, title: str, seconds: float, device: str, rates: dict, say) -> list[dict]:
    """One row per precision of ours: seconds, ratio, peak memory and work of both."""
    import roofline
    import timing

    from gantoolkit.networks.cpu import weight_cache

    def job(variant: str):
        def run() -> None:
            pair.run(*VARIANTS[variant], PASSES[title])
            roofline.wait(device)

        return run

    jobs = {variant: job(variant) for variant in VARIANTS}
    kept = timing.interleave(jobs, seconds, least=4, most=30)
    times = {v: timing.seconds(kept, v) for v in VARIANTS}
    used = {
        variant: usage(
            run, lambda: weight_cache.clear(pair.generator), VARIANTS[variant][1], device, rates
        )
        for variant, run in jobs.items()
    }
    rows = []
    for precision in ("fp32", "bf16"):
        row = dict(
            case=pair.case.title,
            precision=precision,
            bar=BARS[pair.case.repository, title][precision],
            ours=timing.summary(times[precision]),
            theirs=timing.summary(times["theirs"]),
            ratio=timing.ratio(times["theirs"], times[precision]),
            others=timing.share(kept),
        )
        row["pass"], row["used"] = title, dict(ours=used[precision], theirs=used["theirs"])
        row["best"] = round(row["theirs"]["least"] / row["ours"]["least"], 3)
        rows.append(row)
        say(f"  {title} {precision}: theirs / ours {row['best']:.2f} (bar {row['bar']:g})")
    return rows


def record(options: argparse.Namespace, scratch: Path) -> dict:
    import published
    import roofline
    from run import machine

    def say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)

    rates, rows, equality = roofline.rates(options.device), [], {}
    say(", ".join(f"{name} {value:g}" for name, value in rates.items()))
    for case in published.CASES:
        folder = getattr(options, case.repository)
        if folder is None or options.only not in (None, case.title):
            continue
        pair = published.Pair(case, folder, scratch, options.device)
        equality[case.title] = compare(pair)
        say(f"{case.title}: {equality[case.title]}")
        for title in PASSES:
            rows += measure(pair, title, options.seconds, options.device, rates, say)
    found = dict(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine(),
        device=options.device,
        rates=rates,
        equality=equality,
        rows=rows,
        tolerance=TOLERANCE,
        fidelity=FIDELITY,
    )
    if options.only:
        found = merged(json.loads(options.out.read_text(encoding="utf-8")), found)
    return found | dict(others=max(row["others"] for row in found["rows"]))


def merged(old: dict, new: dict) -> dict:
    """The record `old`, in which the cases of `new` were measured again; a row that is older says so."""
    again = {row["case"] for row in new["rows"]}
    kept = [{"date": old["date"], **row} for row in old["rows"] if row["case"] not in again]
    order = list(dict.fromkeys(row["case"] for row in old["rows"]))
    rows = sorted(kept + new["rows"], key=lambda row: order.index(row["case"]))
    return new | dict(
        rows=rows, equality={case: {**old["equality"], **new["equality"]}[case] for case in order}
    )


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    import torch
    from official_tables import official

    from gantoolkit.core import files

    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["GANTOOLKIT_CACHE"] = scratch  # converted checkpoints of this run
        found = record(options, Path(scratch))
    files.write_json(options.out, found)
    print(official(found))
    print(
        f"\nwritten to {os.path.relpath(options.out)}; "
        "`python benchmarks/speed/table.py` puts the table into benchmarks/README.md"
    )
    wrong = [
        case
        for case, e in found["equality"].items()
        if e["pixels"] > TOLERANCE or e["psnr"] < FIDELITY
    ]
    if wrong:
        print(
            f"error: {', '.join(wrong)} does not draw what the official code draws, so the ratios mean "
            "nothing.",
            file=sys.stderr,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
