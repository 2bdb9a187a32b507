"""The tables of a record of run.py: training, synthesis, and the start of the command line."""

from __future__ import annotations

from markdown_table import aligned, milliseconds, quartiles

SOURCES = {  # of z_t, I^d_0 and features, as speed/training.py calls them
    "anew": "denoised anew",
    "cache": "cache: z_t, I^d_0",
    "features": "cache: features too",
}


def tables(record: dict) -> str:
    """Format all of a record as Markdown."""
    makers = {
        "training": ("Training with and without the cache", training),
        "synthesis": ("Synthesis against a port of the published operations", synthesis),
        "startup": ("Start of the command line", startup),
    }
    text = [setting(record)]
    for name, (title, make) in makers.items():
        if name in record:
            text += ["", f"### {title}", "", make(record[name])]
    return "\n".join(text)


def setting(record: dict) -> str:
    """Say where and when the record was made, and which weights were stand-ins."""
    machine = record["machine"]
    text = (
        f"{record['date']}, {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['threads']} threads, torch {machine['torch']}, Python {machine['python']}."
    )
    if record["others"] is not None:
        share = 100 * record["others"]
        text += f" Other processes took at most {share:.0f} % of the machine meanwhile."
    random = sorted(name for name, origin in record["weights"].items() if origin == "random")
    if random:
        text += f" Random weights in place of: {', '.join(random)}."
    elif record["weights"]:
        text += " Weights of the zoo."
    if record["parameters"]["quick"]:
        text += " Quick run: few rounds."
    return text


def training(record: dict) -> str:
    """Format milliseconds per iteration and part, a row for every source of what is read."""
    parts = list(record["phases"][0]["cache"]["parts"])
    head = ["phase, source", *parts, "whole", "× default"]
    rows = []
    for phase in record["phases"]:
        times_as_long = {
            "anew": phase["ratio"]["median"],
            "cache": 1.0,
            "features": 1 / phase["ratio_features"]["median"],
        }
        for source, title in SOURCES.items():
            entry = phase[source]
            rows.append(
                [
                    f"{phase['phase']}, {title}",
                    *map(milliseconds, entry["parts"].values()),
                    milliseconds(entry["median"]),
                    f"{times_as_long[source]:.2f}",
                ]
            )
    about = (
        f"Milliseconds per iteration, {record['config']}, batch {record['batch']}, "
        f"{record['precision']}, {record['steps']} steps with guidance {record['guidance']:g}:"
    )
    return "\n".join([about, "", aligned(head, rows), "", _whole_run(record)])


def _whole_run(record: dict) -> str:
    """Say what the cache saves in a whole run, its filling counted."""
    whole = record["whole_run"]
    ratios = [f"{phase['phase']} {quartiles(phase['ratio'])}" for phase in record["phases"]]
    text = (
        "Denoising anew takes so many times as long as reading the cache, per iteration: "
        f"{', '.join(ratios)}. "
        f"Filling it takes {milliseconds(record['fill_per_sample'])} ms per sample: with "
        f"{whole['samples']} samples a run of {whole['iterations']} iterations takes "
        f"{whole['cache']:.0f} s instead of {whole['anew']:.0f} s, filling counted, a ratio of "
        f"{whole['ratio']:.2f}."
    )
    if whole["pays_after"] is not None:
        text += f" The cache has paid for itself after {whole['pays_after']} iterations."
    return text


def synthesis(rows: list[dict]) -> str:
    """Format milliseconds per image of ours and the port, and their ratio."""
    head = [
        "generator, pass",
        "precision",
        "batch",
        "ours",
        "port",
        "port / ours",
        "ours differs",
        "port differs",
    ]
    body = []
    for row in rows:
        batch = row["batch"]
        body.append(
            [
                f"{row['generator']} {row['resolution']} px, {row['pass']}",
                row["precision"],
                str(batch),
                milliseconds(row["ours"]["median"] / batch),
                milliseconds(row["port"]["median"] / batch),
                quartiles(row["ratio"]),
                _difference(row, "ours"),
                _difference(row, "port"),
            ]
        )
    about = (
        "Milliseconds per image (ratio: median and quartiles over rounds; differences: largest "
        "and mean over pixels in −1..1, from the port in fp32):"
    )
    return "\n".join([about, "", aligned(head, body)])


def _difference(row: dict, variant: str) -> str:
    """Write the largest and the mean difference of pixels; "" where none was measured."""
    if f"{variant}: pixels" not in row:
        return ""
    return f"{row[f'{variant}: pixels']:.0e} ({row[f'{variant}: pixels, mean']:.0e})"


def startup(rows: list[dict]) -> str:
    """Format seconds of light commands, and how they compare with Python and torch."""
    head = ["command", "CPU s", "wall s", "× bare Python", "× import torch"]
    body = []
    for row in rows:
        body.append(
            [
                f"`{row['command']}`",
                f"{row['cpu']:.3f}",
                f"{row['wall']:.3f}",
                f"{row['of_python']:.2f}",
                f"{row['of_torch']:.3f}",
            ]
        )
    return "\n".join([f"Least of {rows[0]['rounds']} runs:", "", aligned(head, body)])
