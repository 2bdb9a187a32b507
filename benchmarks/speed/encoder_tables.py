"""The table of a record of encoder.py: diffusers' pipeline against the encoder."""

from __future__ import annotations

from markdown_table import aligned, quartiles

TITLES = {"embedded": "embedded", "sd15": "Stable Diffusion 1.5"}
FASTER = "each at its faster"
BARS = {  # model, batch, precision → how many times as fast as the pipeline, features recorded
    ("embedded", 1, "fp32"): 1.15,
    ("embedded", 8, "fp32"): 1.5,
    ("embedded", 1, FASTER): 1.3,
    ("embedded", 8, FASTER): 2.0,
    ("sd15", 1, "bf16"): 1.2,
}
HEAD = (
    "model, pictures, threads",
    "precision",
    "pipeline s",
    "encoder s",
    "with features s",
    "× encoder",
    "× with features",
    "its spread",
    "bar",
    "met",
)


def encoder(record: dict) -> str:
    """Format the record as Markdown."""
    text = [setting(name, model) for name, model in record["models"].items()]
    rows = []
    for name, model in record["models"].items():
        for row in model["rows"]:
            rows += case(name, row)
    about = (
        "Least seconds over rounds, and how many times as fast as diffusers' pipeline the encoder "
        "is without and with features; the spread is the median and the quartiles over rounds:"
    )
    return "\n".join([*text, "", about, "", aligned(HEAD, rows)])


def setting(name: str, model: dict) -> str:
    """Say where, when and what a model was measured on."""
    machine = model["machine"]
    others = 100 * max(row["others"] for row in model["rows"])
    text = (
        f"- {TITLES[name]}: {model['date']}, {machine['cpu']}, {machine['cores']} cores, torch "
        f"{machine['torch']}; {model['resolution']} px, {model['steps']} steps, guidance "
        f"{model['guidance']:g}; other processes took at most {others:.0f} % of the machine; "
    )
    if name == "sd15":
        return text + "random weights."
    return text + f"pixels (−1..1) differ from the pipeline's in fp32 by {model['difference']:.0e}."


def case(name: str, row: dict) -> list[list[str]]:
    """Format the rows of one batch and number of threads: each precision, then the faster ones."""
    seconds = {key: entry["least"] for key, entry in row["seconds"].items()}
    precisions = list(dict.fromkeys(key.split()[0] for key in seconds))
    title = f"{TITLES[name]}, {row['batch']}, {row['threads']}"
    lines = []
    for precision in precisions:
        times = [seconds[f"{precision} {side}"] for side in ("pipeline", "encoder", "features")]
        spread = quartiles(row["ratios"][f"{precision} features"])
        lines.append(
            line(title, precision, times, spread, BARS.get((name, row["batch"], precision)))
        )
    if len(precisions) > 1:
        times = [
            min(seconds[f"{precision} {side}"] for precision in precisions)
            for side in ("pipeline", "encoder", "features")
        ]
        lines.append(line(title, FASTER, times, "", BARS.get((name, row["batch"], FASTER))))
    return lines


def line(
    title: str, precision: str, times: list[float], spread: str, bar: float | None
) -> list[str]:
    """Format one row."""
    pipeline, plain, features = times
    ratio = pipeline / features
    met = "" if bar is None else ("yes" if ratio >= bar else "no")
    return [
        title,
        precision,
        *(f"{time:.3f}" for time in times),
        f"{pipeline / plain:.2f}",
        f"{ratio:.2f}",
        spread,
        "" if bar is None else f"{bar:g}",
        met,
    ]
