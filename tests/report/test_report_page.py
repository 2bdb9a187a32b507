"""What a report says in words, what it proposes to type, and that it fits narrow screens."""

from __future__ import annotations

import html
import re
import shlex
import shutil
import subprocess

import pytest
from test_report import make_sample

from gantoolkit.cli.verbs import parse
from gantoolkit.config.loader import load_config
from gantoolkit.core.types import Record, Score
from gantoolkit.registry.manifest import package_root
from gantoolkit.report import next_steps, page_head, run_page, tables


def score(value: float, up: bool = True, best: float | None = None, **conditions) -> Score:
    if best is not None:
        conditions["best"] = best
    return Score(value, 200, up, conditions)


def record_of(scores=None, command=("gantoolkit", "run", "x.py"), **config) -> Record:
    config = dict(dict(task="bridge", condition="mask", schedule=dict(iterations=300)), **config)
    environment = {"threads": "2", "cpus": "4", "device": "cpu"}
    timings = {"train": 61.0, "validate": 4.0}
    return Record("mine", config, list(command), environment, 0, {}, timings, scores or {})


def words(page: str) -> str:
    return html.unescape(re.sub("<[^>]+>", "", page))


def test_it_says_where_g_of_w_is_worse_than_g_of_w_m():
    mapped = dict(acc=score(0.9), fid=score(50.0, False), detail_octave1=score(0.8, best=1.0))
    own = dict(
        acc=score(0.85),  # less where more is better
        fid=score(40.0, False),  # less where less is better
        detail_octave1=score(1.5, best=1.0),  # twice as far from 1, on the other side
        text=score(0.5),  # no G(w_m) to compare with
    )
    said = words(page_head.verdict(record_of({"G(w_m)": mapped, "G(w)": own})))
    assert said == (
        "G(w) is worse than G(wm) in 2 of 3 scores: ACC (0.850 against 0.900), "
        "detail 1/4–1/2 (1.50 against 0.80). It is better in 1: FID (40.0 against 50.0)."
    )
    best = words(page_head.verdict(record_of({"G(w_m)": own, "G(w)": mapped})))
    assert best.startswith("G(w) is worse than G(wm) in 1 of 3 scores: FID")
    without_fid = dict(mapped, fid=own["fid"])
    text = words(page_head.verdict(record_of({"G(w_m)": own, "G(w)": without_fid})))
    assert text == "G(w) is worse than G(wm) in none of 3 scores."


def test_it_is_silent_where_both_look_the_same_or_nothing_is_compared():
    same = {"G(w_m)": {"acc": score(0.90001)}, "G(w)": {"acc": score(0.90002)}}
    assert page_head.verdict(record_of(same)) == ""
    assert page_head.verdict(record_of({"G(w)": {"acc": score(0.9)}})) == ""
    assert page_head.verdict(record_of()) == ""


def test_the_share_of_the_gap_is_explained_where_it_is_used():
    scores = {"mean face": 0.2, "G(w)": 0.5, "W+ inversion": 0.8}
    gap = {name: {"acc": score(value)} for name, value in scores.items()}
    said = words(page_head.head(record_of(gap)))
    assert "50\u2009% of the gap" in said and "mean face" in said and "W+ inversion" in said
    del gap["W+ inversion"]
    assert "gap" not in words(page_head.head(record_of(gap)))


def test_time_is_said_with_threads(tmp_path):
    scores = {"G(w)": {"acc": score(0.5, seconds_per_image=0.25)}}
    page = words(run_page.page(record_of(scores), tmp_path))
    assert page.count("65 s on 2 threads of 4 CPU cores") == 2  # at the top and under Time
    assert "65 s on 2 threads of 4 CPU cores in all; 250 ms per image" in page
    on_gpu = record_of()
    on_gpu.environment["device"] = "A GPU"
    assert page_head.time_taken(on_gpu) == "65 s on 2 threads of 4 CPU cores, A GPU"


def test_time_is_said_with_processes():
    environment = {"threads": "1", "processes": "2", "cpus": "2", "device": "cpu"}
    record = record_of()
    record.environment.update(environment)
    assert page_head.time_taken(record) == "65 s on 2 threads of 2 CPU cores in 2 processes"


@pytest.mark.parametrize("condition", ["mask", "scribble", "both"])
def test_proposed_commands_are_understood(tmp_path, monkeypatch, condition):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "a run"
    command = ["gantoolkit", "run", "x.py", "seed=3", "schedule.iterations=300", "--out", "old=1"]
    record = record_of(command=[*command, "--resume"], condition=condition)
    page = next_steps.next_steps(record, folder)
    found = [shlex.split(html.unescape(text)) for text in re.findall("<pre[^>]*>(.*?)</pre>", page)]
    assert [line[1] for line in found] == ["generate", "demo", "weights", "run"]
    generate, demo, export, longer = [parse(line[1:]) for line in found]
    assert generate.source == "runs/a run" and generate.text
    kinds = ("mask", "scribble") if condition == "both" else (condition,)
    assert [kind for kind in ("mask", "scribble") if getattr(generate, kind)] == list(kinds)
    assert next_steps.EXAMPLE in {
        file.stem for file in (package_root() / "examples" / "masks").iterdir()
    }
    assert longer.overrides == ["seed=3", "schedule.iterations=600"]
    assert longer.out == "runs/a run-longer"


def test_a_run_of_nothing_known_proposes_nothing(tmp_path):
    bare = Record("bare", {"task": "vae"}, ["python", "mine.py"], {}, 0)
    assert next_steps.next_steps(bare, tmp_path) == ""


def test_conditions_that_all_scores_share_are_said_once():
    scores = {"G(w)": {"acc": score(0.5, steps=10), "fid": score(9.0, False, steps=10, features=8)}}
    text = words(tables.conditions(record_of(scores)))
    assert "The same for all: n 200, steps 10." in text and text.count("10") == 1
    assert "features" in text


@pytest.mark.parametrize("config", ["absm_eg3d.py", "full/absm_eg3d.py"])
def test_prompt_and_detail_are_among_the_scores_of_bridges(config):
    metrics = load_config(f"configs/{config}").metrics
    assert "detail" in metrics
    # the judge of rendered faces knows nothing of photographs
    assert ("attributes_prompt" in metrics) == ("full" not in config)


def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here")
    return path


MEASURE = """<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument;
  const root = page.documentElement;
  const wide = [...page.querySelectorAll("table.scores, table.scores td, .card, p, pre, dl")]
    .filter(element => element.getBoundingClientRect().right > root.clientWidth + 1)
    .map(element => element.tagName + "." + element.className);
  document.body.textContent = JSON.stringify([root.scrollWidth > root.clientWidth, wide]);
};
</script>"""


@pytest.mark.parametrize("width", [1280, 390])
def test_all_scores_fit_the_screen(tmp_path, width):
    browser = chromium()
    systems = (
        "mean face",
        "G(w_m)",
        "I^d_0",
        "G(w) after 1 of 10 steps",
        "G(w) after 5 of 10 steps",
    )
    names = ("fid[judge]", "miou_present[judge]", "attributes_prompt[judge]", "detail_octave1")
    scores = {}
    for index, system in enumerate((*systems, "W+ inversion", "G(w)")):
        scores[system] = {name: score(123.4 + index, network="judge") for name in names}
    record = record_of(scores)
    record.samples = [make_sample(tmp_path, 0, "She has long hair.")]
    page = run_page.page(record, tmp_path)
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    frame = f'<body><iframe src="report.html" style="width:{width}px;height:900px;border:0">'
    (tmp_path / "frame.html").write_text(f"{frame}</iframe>{MEASURE}", encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--virtual-time-budget=5000", (tmp_path / "frame.html").as_uri()]
    done = subprocess.run(command, text=True, capture_output=True, timeout=120)
    assert "<body>[false,[]]</body>" in done.stdout, done.stdout[-300:] + done.stderr[-300:]


def test_no_rule_asks_for_more_than_a_narrow_screen(tmp_path):
    """Where there is no browser: fixed widths stay below 390 px, and other tables scroll."""
    page = run_page.page(record_of({"G(w)": {"acc": score(0.5)}}), tmp_path)
    style = page[page.index("<style>") : page.index("</style>")]
    fixed = [int(size) for size in re.findall(r"(?<!max-)width: (\d+)px", style)]
    assert fixed and max(fixed) <= 390
    assert page.count("<table") == page.count('<div class="scroll"><table')
