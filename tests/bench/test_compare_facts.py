"""What a row of `compare` says of our own pictures: from their manifest, by one caption rule."""

import json
from pathlib import Path

import pytest
import torch

from gantoolkit.bench import compare
from gantoolkit.bench.official_outputs import ADAPTERS, find_outputs
from gantoolkit.bench.reference import Reference
from gantoolkit.core.errors import UsageError
from gantoolkit.report import pictures


@pytest.mark.parametrize(
    "condition, is_3d, needs, domain",
    [
        ("mask", False, ["text", "mask"], "2D"),
        ("scribble", False, ["text", "scribble"], "2D"),
        ("scribble", True, ["text", "scribble", "camera"], "3D"),
        ("both", True, ["text", "mask", "scribble", "camera"], "3D"),
        (None, None, ["text", "mask"], "2D"),  # a manifest of an earlier version
    ],
)
def test_needs_and_domain_are_the_manifests(tmp_path, condition, is_3d, needs, domain):
    row = {"file": "1.png", "condition": condition, "is_3d": is_3d}
    row = {key: value for key, value in row.items() if value is not None}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(row) + "\n")
    facts = compare.facts_of(compare.OutputFolder("ours", "gantoolkit", tmp_path))
    assert facts == dict(needs=needs, model="GAN", domain=domain)
    other = compare.facts_of(compare.OutputFolder("ours", "ide3d", tmp_path))
    assert other["domain"] == "3D" and "image" in other["needs"]


def draw(folder: Path, reference: Reference, number_of) -> None:
    """Write gray pictures as `generate --data` does, from caption `number_of(index)`."""
    rows = []
    for index, file in enumerate(reference.zip.files[:4]):
        captions = reference.zip.captions[index]
        text = captions[number_of(index) % len(captions)]
        name = f"{Path(file).stem}.png"
        pictures.save(pictures.image_picture(torch.zeros(3, 8, 8)), folder / name)
        rows.append(dict(file=name, kind="image", input=file, data="val.zip", text=text))
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("rule", ["rotating", "first"])
def test_captions_that_were_not_drawn_are_not_scored(tmp_path, rule):
    reference = Reference("val", caption=rule)
    captions = reference.zip.captions
    expected = [c[7 * i % len(c) if rule == "rotating" else 0] for i, c in enumerate(captions)]
    assert [sample.text for sample in reference.samples] == expected
    ids = [sample.id for sample in reference.samples[:4]]
    assert list(reference.sample(ids).condition.text) == expected[:4]

    folder = compare.OutputFolder("ours", "gantoolkit", tmp_path)
    for drawn in ("rotating", "first"):
        draw(tmp_path, reference, {"rotating": lambda i: 7 * i, "first": lambda i: 0}[drawn])
        outputs = find_outputs(ADAPTERS["gantoolkit"], tmp_path, reference.samples)
        if drawn == rule:
            compare.check_captions(folder, outputs, ids, reference)
        else:
            with pytest.raises(UsageError, match=f"add --caption {drawn}, or draw it again"):
                compare.check_captions(folder, outputs, ids, reference)
