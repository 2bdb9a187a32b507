"""Compare ours with the official repositories at equal weights, beside what the machine can do.

    python benchmarks/speed/official.py --stylegan2 DIR --eg3d DIR [--device cuda] [--only CASE]
        [--out FILE.json]

DIR are checkouts of github.com/NVlabs/stylegan2-ada-pytorch and github.com/NVlabs/eg3d; their code
is executed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

OUT = Path(__file__).parents[1] / "results" / "official.json"
TOLERANCE = 1e-3  # largest difference of pixels in fp32
FIDELITY = 40.0  # dB of bf16 against our own fp32, at least
VARIANTS = {"theirs": ("theirs", "fp32"), "fp32": ("ours", "fp32"), "bf16": ("ours", "bf16")}
PASSES = {"forward": False, "forward + backward": True}  # with backward
BARS = {  # how many times as fast ours should be
    ("stylegan2", "forward"): dict(fp32=1.5, bf16=3.0),
    ("eg3d", "forward"): dict(fp32=3.0, bf16=5.0),
    ("stylegan2", "forward + backward"): dict(fp32=1.5, bf16=2.0),
    ("eg3d", "forward + backward"): dict(fp32=1.5, bf16=2.0),
}
MARKS = {"stylegan2": "training/networks.py", "eg3d": "training/triplane.py"}  # in a checkout


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; checkouts become the folders of their packages."""
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
    for name, inside in MARKS.items():
        setattr(options, name, package_root(parser, getattr(options, name), inside))
    return options


def package_root(
    parser: argparse.ArgumentParser, checkout: Path | None, inside: str
) -> Path | None:
    """Return the folder of the packages within a checkout: itself, or its folder eg3d."""
    if checkout is None:
        return None
    for folder in (checkout, checkout / "eg3d"):
        if (folder / inside).is_file():
            return folder
    parser.error(f"{checkout} has no {inside}; name a checkout of the repository.")


def compare(pair) -> dict[str, float]:
    """Return how far ours is from theirs: pixels and gradients in fp32, and bf16 in dB.

    Gradients are compared with their largest entry. Pixels are the worse of both passes, since ours
    takes different ways where no gradient is asked for.
    """
    from timing import significant

    theirs, their_gradient = pair.run("theirs", "fp32", True)
    ours, gradient = pair.run("ours", "fp32", True)
    bf16, bf16_gradient = pair.run("ours", "bf16", True)
    forward_only, _ = pair.run("ours", "fp32", False)
    bf16_forward_only, _ = pair.run("ours", "bf16", False)

    pixels = max((ours - theirs).abs().max(), (forward_only - theirs).abs().max())
    noise = max((bf16 - ours).square().mean(), (bf16_forward_only - forward_only).square().mean())
    gradients = (gradient - their_gradient).abs().max() / their_gradient.abs().max()
    gradients_bf16 = (bf16_gradient - their_gradient).norm() / their_gradient.norm()
    return dict(
        pixels=significant(float(pixels)),
        spread=significant(float(theirs.std())),
        gradients=significant(float(gradients)),
        psnr=round(float(10 * (4 / noise).log10()), 1),
        gradients_bf16=significant(float(gradients_bf16)),
    )


def usage(
    run: Callable[[], None], forget: Callable[[], None], precision: str, device: str, rates: dict
) -> dict[str, float | None]:
    """Return peak memory in MB (median of three runs), Gflop and GB of a run, and their roofs.

    forget  called before each run: what is kept of frozen weights counts as memory
    """
    import roofline

    peaks = []
    for _ in range(3):
        forget()
        peaks.append(roofline.peak_megabytes(run, device))
    peak = None if None in peaks else sorted(peaks)[1]
    work = roofline.work(run)
    return dict(peak=peak, **work, **roofline.roofs(work, rates, precision))


def measure(
    pair, pass_name: str, seconds: float, device: str, rates: dict, say: Callable[[str], None]
) -> list[dict]:
    """Return a row per precision of ours: seconds, ratio, peak memory and work of both."""
    import timing

    from gantoolkit.networks.cpu import weight_cache

    def forget() -> None:
        weight_cache.clear(pair.generator)

    jobs = {variant: _job(pair, variant, pass_name, device) for variant in VARIANTS}
    rounds = timing.interleave(jobs, seconds, least=4, most=30)
    times = {variant: timing.seconds_of(rounds, variant) for variant in VARIANTS}
    used = {}
    for variant, run in jobs.items():
        _, precision = VARIANTS[variant]
        used[variant] = usage(run, forget, precision, device, rates)

    rows = []
    for precision in ("fp32", "bf16"):
        ours, theirs = timing.summary(times[precision]), timing.summary(times["theirs"])
        row = {
            "case": pair.case.title,
            "precision": precision,
            "bar": BARS[pair.case.repository, pass_name][precision],
            "ours": ours,
            "theirs": theirs,
            "ratio": timing.ratio(times["theirs"], times[precision]),
            "others": timing.median_others(rounds),
            "pass": pass_name,
            "used": dict(ours=used[precision], theirs=used["theirs"]),
            "best": round(theirs["least"] / ours["least"], 3),
        }
        rows.append(row)
        say(f"  {pass_name} {precision}: theirs / ours {row['best']:.2f} (bar {row['bar']:g})")
    return rows


def _job(pair, variant: str, pass_name: str, device: str) -> Callable[[], None]:
    """Return a function that runs one pass of a variant to its end."""
    import roofline

    def run() -> None:
        pair.run(*VARIANTS[variant], PASSES[pass_name])
        roofline.wait(device)

    return run


def make_record(options: argparse.Namespace, scratch: Path) -> dict:
    """Measure the cases that are asked for; `scratch` is for temporary files."""
    import published
    import roofline
    from run import machine, say

    rates = roofline.rates(options.device)
    say(", ".join(f"{name} {value:g}" for name, value in rates.items()))
    rows, equality = [], {}
    for case in published.CASES:
        folder = getattr(options, case.repository)
        if folder is None or options.only not in (None, case.title):
            continue
        pair = published.Pair(case, folder, scratch, options.device)
        equality[case.title] = compare(pair)
        say(f"{case.title}: {equality[case.title]}")
        for pass_name in PASSES:
            rows += measure(pair, pass_name, options.seconds, options.device, rates, say)

    record = dict(
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
        record = merged(json.loads(options.out.read_text(encoding="utf-8")), record)
    record["others"] = max(row["others"] for row in record["rows"])
    return record


def merged(old: dict, new: dict) -> dict:
    """Replace the cases of `old` that `new` measured again; older rows keep their date."""
    again = {row["case"] for row in new["rows"]}
    kept = [{"date": old["date"], **row} for row in old["rows"] if row["case"] not in again]
    order = list(dict.fromkeys(row["case"] for row in old["rows"]))
    rows = sorted(kept + new["rows"], key=lambda row: order.index(row["case"]))
    equality = {**old["equality"], **new["equality"]}
    return new | dict(rows=rows, equality={case: equality[case] for case in order})


def different_cases(record: dict) -> list[str]:
    """Return the cases in which ours does not render what theirs renders."""
    return [
        case
        for case, fit in record["equality"].items()
        if fit["pixels"] > TOLERANCE or fit["psnr"] < FIDELITY
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure, print and write the record; fails where ours and theirs differ."""
    options = arguments(argv)
    import table
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["GANTOOLKIT_CACHE"] = scratch  # converted checkpoints of this run
        record = make_record(options, Path(scratch))
    table.write(record, options.out)
    different = different_cases(record)
    if different:
        print(
            f"error: {', '.join(different)} does not draw what the official code draws, so the "
            "ratios mean nothing.",
            file=sys.stderr,
        )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
