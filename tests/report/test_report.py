"""The report is one valid, self-contained page that shows every sample."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from gantoolkit.cli import main
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.core.images import one_hot
from gantoolkit.core.types import Condition, Record, Score
from gantoolkit.registry import manifest
from gantoolkit.report import loss_curves, pictures, run_page, tables, zoo_tables
from gantoolkit.report import record as records
from gantoolkit.report.samples import save_sample

VOID = {"meta", "img", "br", "hr", "input", "link"}
SVG = {"line", "polyline", "circle"}


class Checker(HTMLParser):
    """Collects what breaks nesting, and every address in the page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.addresses, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.addresses += [
            v for k, v in attrs if k in ("src", "href", "xlink:href", "srcset", "action")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.addresses += [v for k, v in attrs if k in ("src", "href")]
        if tag not in VOID | SVG:
            self.wrong.append(f"<{tag}/>")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data):
        self.text.append(data)


def make_sample(folder, i: int, prompt: str, solid: bool = True) -> dict:
    g = torch.Generator().manual_seed(i)

    def image():
        return torch.rand(1, 3, 64, 64, generator=g) * 2 - 1

    mask = one_hot(torch.randint(0, 19, (1, 64, 64), generator=g))
    steps = [(t, {"G(w_m)": image(), "G(w)": image()}) for t in (901, 501, 1)]
    return save_sample(
        folder,
        f"val/{i:08d}",
        Condition((prompt,), mask=mask, seed=torch.tensor([i])),
        {"image_gt": image(), "x0": image(), "G(w_m)": image(), "G(w)": image()},
        views=[image() for _ in range(3)] if solid else (),
        steps=steps,
        t=1,
        attention={1: torch.rand(1, 1, 8, 8, generator=g)},
    )


def score(value: float, up: bool) -> Score:
    return Score(
        value, 200, up, {"network": "judge", "resize": "none", "latent_source": "trajectory"}
    )


@pytest.fixture
def run(tmp_path):
    prompts = ['She has <wavy> hair & a "hat".', "", "He is old."]
    samples = [make_sample(tmp_path, i, p) for i, p in enumerate(prompts)]
    nothing = score(float("nan"), False)
    scores = {
        "mean face": {"lpips": score(0.6, False), "miou": score(0.2, True)},
        "G(w)": {"lpips": score(0.3, False), "miou": score(0.4, True), "fid": nothing},
        "W+ inversion": {"lpips": score(0.1, False), "miou": score(0.6, True)},
    }
    config = {"task": "bridge", "generator": {"type": "EG3D"}, "schedule": {"iterations": 9}}
    environment = {"torch": "2.13.0", "commit": "abc"}
    record = Record(
        "absm_eg3d",
        config,
        ["gantoolkit", "run", "x.py"],
        environment,
        0,
        {"eg3d-mini": "f" * 64},
        {"cache": 3.0, "train": 61.5},
        scores,
        samples,
        ["A <note>."],
    )
    records.save(record, tmp_path)
    lines = [
        {"iteration": i, "M": 2.0 / (i + 1), "M/l2": 1.0 / (i + 1), "M/id": 0.5} for i in range(50)
    ]
    torn = '{"iteration": 50, "M/l'  # killed while writing
    (tmp_path / "losses.jsonl").write_text("\n".join([*map(json.dumps, lines), torn]))
    return tmp_path


def test_page_is_valid_and_needs_nothing_else(run):
    path = run_page.write(run)
    page = path.read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(page)
    assert checker.wrong == [] and checker.open == []
    assert all(a.startswith(("data:image/webp;base64,", "#")) for a in checker.addresses)
    assert not any(word in page for word in ("http://", "https://", "<script", "@import", "url("))
    text = "".join(checker.text)
    assert (
        'She has <wavy> hair & a "hat".' in text and "empty prompt" in text and "A <note>." in text
    )
    assert all(f"val/0000000{i}" in text for i in range(3))
    assert all(name in text for name in ("eg3d-mini", "judge", "trajectory", "↓", "↑"))
    pictures = sum(a.startswith("data:") for a in checker.addresses)
    assert pictures == 3 * (5 + 3 + 3 * 2 + 1)  # columns, views, steps × kinds, one attention map
    assert len(page) < 100_000 + 64 * 64 * 3 * 1.4 * pictures


def test_share_of_the_gap(run):
    record = records.load(run)
    assert tables.gap(record, "lpips") == pytest.approx(0.6)
    assert tables.gap(record, "miou") == pytest.approx(0.5)
    assert tables.gap(record, "fid") is None
    assert "60" in tables.scores(record) and "50" in tables.scores(record)


def test_missing_pictures_and_parts_leave_no_error(tmp_path):
    sample = {"prompt": "x", "images": {"G(w)": "pictures/none.png"}}
    records.save(Record("bare", {}, [], {}, 0, samples=[sample]), tmp_path)
    page = run_page.write(tmp_path).read_text(encoding="utf-8")
    assert "no picture" in page and "Scores" not in page and "Losses" not in page


def test_record_round_trip(run):
    record = records.load(run)
    again = records.from_json(json.loads(json.dumps(records.to_json(record))))
    assert again.samples == record.samples
    assert record.scores["G(w)"]["lpips"] == score(0.3, False)
    assert (
        record.scores["G(w)"]["fid"].value != record.scores["G(w)"]["fid"].value
    )  # null came back as NaN
    assert record.timings == {"cache": 3.0, "train": 61.5}


def test_a_folder_without_a_record_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(DataError, match="no record.json"):
        run_page.write(tmp_path)
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(DataError, match="line 1: it is not JSON"):
        run_page.write(tmp_path)
    with pytest.raises(UsageError, match="no run folder"):
        run_page.main(type("Args", (), {"runs": [str(tmp_path / "none")]}))


def test_a_wrong_folder_does_not_keep_others_from_their_report(run, tmp_path, capsys):
    one, two, empty = tmp_path / "one", tmp_path / "two", tmp_path / "empty"
    for folder in (one, two):
        records.save(records.load(run), folder)
    empty.mkdir()
    runs = [str(path) for path in (tmp_path / "none", one, empty, two)]
    assert main.main(["report", *runs]) == 1
    said = capsys.readouterr()
    assert (
        said.out.split() == [str(path / "report.html") for path in (one, two)]
        and (two / "report.html").is_file()
    )
    assert (
        said.err.count("\n") == 1
        and "2 of 4" in said.err
        and all(run in said.err for run in (runs[0], runs[2]))
    )
    assert (
        main.main(["report", runs[0], runs[1]]) == 2 and "no run folder" in capsys.readouterr().err
    )


def test_loss_curves_by_turn():
    rows = [
        {"iteration": 1, "M": 3.0, "M/l2": 1.0, "M/id": 2.0, "seconds": 1},
        {"iteration": 1, "T": 5.0, "T/l2": 5.0},
        {"iteration": 2, "M/l2": 0.5, "lr": 1.0},
        {"iteration": 2, "M/l2": float("nan")},
    ]
    found = loss_curves.curves(rows)
    assert found == {
        "total": {"M": [(1.0, 3.0)], "T": [(1.0, 5.0)]},
        "id": {"M": [(1.0, 2.0)]},
        "l2": {"M": [(1.0, 1.0), (2.0, 0.5)], "T": [(1.0, 5.0)]},
    }


def test_ticks_are_round_and_inside():
    assert loss_curves.ticks(0.0, 1.0) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert loss_curves.ticks(3.0, 3.0) == [3.0]
    for low, high in ((0.013, 0.31), (100.0, 1800.0), (-2.0, 5.0)):
        found = loss_curves.ticks(low, high)
        assert 2 <= len(found) <= 9 and min(found) >= low - 1e-9 and max(found) <= high + 1e-9


def test_smoothing_keeps_a_line():
    line = [(float(i), 2.0) for i in range(100)]
    assert loss_curves.smooth(line, 0.1) == line
    assert len(loss_curves.thin(line, 10)) == 10 and loss_curves.thin(line, 10)[-1] == line[-1]


@pytest.mark.parametrize(
    "value, shown",
    [
        (0.4321, "0.432"),
        (12.34, "12.3"),
        (212.3, "212.3"),
        (0.0123, "0.0123"),
        (-0.5, "−0.500"),
        (None, "–"),
        (float("inf"), "–"),
        (0.0, "0.0"),
    ],
)
def test_numbers(value, shown):
    assert tables.number(value) == shown


def test_every_sample_of_a_2d_run_is_shown(tmp_path):
    samples = [make_sample(tmp_path, i, f"prompt {i}", solid=False) for i in range(5)]
    records.save(Record("flat", {}, [], {}, 0, samples=samples), tmp_path)
    page = run_page.write(tmp_path).read_text(encoding="utf-8")
    assert all(page.count(f"prompt {i}") >= 2 for i in range(5)) and "several cameras" not in page


def test_sheets_of_a_run_without_samples(tmp_path):
    for iteration in (0, 100, 200, 300, 400):
        sheet = np.full((8, 16, 3), iteration // 4, np.uint8)
        pictures.save(sheet, tmp_path / "pictures" / f"{iteration:08d}_fakes.png")
    records.save(Record("gan", {"task": "gan"}, [], {}, 0), tmp_path)
    page = run_page.write(tmp_path).read_text(encoding="utf-8")
    assert page.index("fakes, iteration 400") < page.index("fakes, iteration 0")
    assert page.count("data:image/webp") == 4


def test_metric_names_carry_their_network():
    assert tables.title("fid[judge]") == "FID <small>judge</small>"
    assert tables.title("ms_ssim") == "MS-SSIM" and tables.title("own <x>") == "own &lt;x&gt;"


def test_the_zoo_page_follows_from_its_records():
    records = manifest.package_root() / "zoo" / "records"
    page = Path(__file__).parents[2] / "docs" / "zoo.md"
    assert f"{zoo_tables.BEGIN}\n{zoo_tables.tables(records)}\n{zoo_tables.END}" in page.read_text(
        encoding="utf-8"
    )


RESULTS = [
    file
    for file in (Path(__file__).parents[2] / "benchmarks" / "results").glob("*/*.json")
    if file.parent.name != "work"
]


def test_records_of_tables_name_no_place():
    assert RESULTS and not [
        file.name for file in RESULTS if '"/' in file.read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize(
    "file",
    sorted((manifest.package_root() / "zoo" / "records").glob("*.json")),
    ids=lambda f: f.stem,
)
def test_records_of_the_zoo_can_be_read_and_name_no_place(file):
    found = records.load(file)
    assert found.run and found.scores and not found.command and not found.samples
    assert '"/' not in json.dumps(found.config)  # no absolute path
