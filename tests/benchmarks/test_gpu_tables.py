"""gpu.py in miniature on a CPU: variants beside their rival, compiled as far as the time goes."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

SPEED = Path(__file__).resolve().parents[2] / "benchmarks" / "speed"


@pytest.fixture(autouse=True, scope="module")
def beside():
    """The benchmark's own modules, found as its script finds them."""
    sys.path.insert(0, str(SPEED))
    yield
    sys.path.remove(str(SPEED))


def stand_in(network):
    """A case whose rival takes three times as long, and whose network can be compiled."""
    import gpu_cases

    def ours() -> None:
        network(torch.ones(1, 4))
        time.sleep(0.03)

    jobs = gpu_cases.Jobs(
        {"rival": partial(time.sleep, 0.09), "ours": ours}, 2, "fp32", 1e-5, {"ours": [network]}
    )
    return gpu_cases.Case("generation", "embedded", "nothing", lambda device, quick: jobs)


def test_a_case_is_timed_beside_its_rival_and_compiled_while_there_is_time():
    import gpu
    import gpu_tables

    network = nn.Linear(4, 4)
    found = gpu.measure_case(stand_in(network), "cpu", True, "eager", gpu.Clock(5, 1))
    names = [(row["variant"], row["compiled"]) for row in found["rows"]]
    assert names == [("rival", False), ("ours", False), ("ours", True)]
    assert network._compiled_call_impl is not None and not found["skipped"]
    cells = gpu_tables.rows([found])
    assert [row[1] for row in cells] == ["rival", "ours", "ours, compiled"]
    assert float(cells[0][4]) == 1 and float(cells[1][4]) == pytest.approx(3, abs=0.5)

    network = nn.Linear(4, 4)
    late = gpu.measure_case(stand_in(network), "cpu", True, "eager", gpu.Clock(0.1, 2))
    assert late["skipped"] == ["ours"] and network._compiled_call_impl is None
    assert len(late["rows"]) == 2


def test_the_table_says_what_was_measured_on_what():
    import table

    row = dict(variant="rival", compiled=False, least=0.3, median=0.4, low=0.35, high=0.5)
    rows = [
        row | dict(peak=12.3, rounds=3),
        row | dict(variant="ours", compiled=True, least=0.1, peak=None),
    ]
    case = dict(part="encoder", networks="N", batch=4, precision="bf16", difference=2e-3)
    case |= dict(size="paper", rival="rival", rows=rows, skipped=["rival"])
    record = dict(date="2030-01-02 03:04 UTC", device="NVIDIA X", cuda="13.0", quick=False)
    record |= dict(machine=dict(torch="2.13"), backend="inductor", minutes=4.2, cases=[case])
    name, text = table.made(record)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][2:]
    title = "encoder, N, 4 in bf16"
    assert name == "gpu" and "NVIDIA X, torch 2.13, CUDA 13.0; 4.2 minutes" in text
    assert cells == [
        [title, "rival", "0.3", "0.35–0.5", "1.00", "12"],
        [title, "ours, compiled", "0.1", "0.35–0.5", "3.00", ""],
    ]
    assert f"{title} 2e-03" in text and f"to compile {title}: rival." in text


def test_every_part_has_both_sizes_and_a_rival():
    import gpu_cases

    sizes = {}
    for case in gpu_cases.cases(quick=False):
        sizes.setdefault(case.part, set()).add(case.size)
    both = {"embedded", "paper"}
    assert sizes == {"encoder": both, "bridge training": both, "generation": both}
    assert {case.size for case in gpu_cases.cases(quick=True)} == {"embedded"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_command_says_so(capsys):
    import gpu

    assert gpu.main([]) == 1 and "sees no GPU" in capsys.readouterr().err


@pytest.mark.slow
def test_all_parts_run_in_miniature_on_a_cpu(tmp_path):
    import gpu

    out = tmp_path / "gpu.json"
    options = ["--device", "cpu", "--quick", "--minutes", "0", "--out", str(out)]
    assert gpu.main(options) == 0
    record = json.loads(out.read_text())
    assert record["device"] == "CPU" and len(record["cases"]) == 6
    for case in record["cases"]:
        assert all(row["least"] > 0 for row in case["rows"]) and len(case["rows"]) >= 2
        if case["part"] == "generation":
            assert case["difference"] < 1e-3
