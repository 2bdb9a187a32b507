"""Whether pages are fair, on records written by hand; what generators say of their training."""

from __future__ import annotations

import pytest
import torch

from gantoolkit import weights
from gantoolkit.bench import provenance, trained_by
from gantoolkit.bench.suite import SuiteRow
from gantoolkit.bench.tables import MeasuredRow
from gantoolkit.core.types import Record, Score

JUDGE = "c" * 64


def measured(name: str, weights: dict, networks: dict | None = None, **system) -> MeasuredRow:
    """A row that the network 'judge' has measured."""
    conditions = dict(network="judge", network_sha256=JUDGE)
    score = Score(0.5, 8, True, conditions)
    config = dict(system=dict(type="Ours", **system))
    if networks is not None:
        config["networks"] = networks
    record = Record(f"toy/{name}", config, [], {}, 0, weights, scores={name: {"acc[judge]": score}})
    return MeasuredRow(SuiteRow(name, name, config["system"]), record)


def test_rows_of_one_version_make_a_page():
    """Files of runs go by the names of the runs; that two runs differ is what a table compares."""
    rows = [
        measured("first", {"bridge": "a", "diffusion": "d"}, run="one"),
        measured("second", {"bridge": "b", "diffusion": "d"}, run="two"),
        measured("third", {"generator.safetensors": "e"}, generator="three"),
        measured("fourth", {"generator.safetensors": "f"}, generator="four"),
    ]
    assert provenance.find_problems(rows) == []


@pytest.mark.parametrize("name", ["diffusion", "controlnet-mask", "eg3d", "judge"])
def test_different_weights_of_one_name_are_named_with_their_rows(name):
    rows = [
        measured("first", {name: "a" * 64}, run="one"),
        measured("second", {name: "b" * 64}, run="two"),
        measured("third", {name: "a" * 64}, run="three"),
    ]
    assert provenance.find_problems(rows) == [
        f"compares rows of different weights '{name}': {'a' * 12} in first, third; "
        f"{'b' * 12} in second"
    ]


def test_a_run_that_went_on_between_two_of_its_rows_is_noticed():
    rows = [
        measured("early", {"bridge": "a"}, run="mine", after=1),
        measured("late", {"bridge": "b"}, run="mine"),
        measured("other", {"encoder": "a"}, encoder="its"),
        measured("another", {"encoder": "b"}, encoder="its"),
    ]
    problems = provenance.find_problems(rows)
    assert [problem.split(":")[0] for problem in problems] == [
        "compares rows of different weights 'bridge of mine'",
        "compares rows of different weights 'encoder of its'",
    ]


@pytest.mark.parametrize(
    "network",
    [dict(weights="judge", sha256=""), dict(weights="mine.safetensors", sha256=JUDGE)],
    ids=["by name", "by content"],
)
def test_a_judge_that_a_row_was_trained_with_is_named(network):
    fair = measured("fair", {}, {"lpips": dict(weights="parser", sha256="a" * 64)})
    unknown = measured("unknown", {}, {"lpips": dict(weights="gone", sha256="")})
    unfair = measured("unfair", {}, {"identity": network})
    assert provenance.find_problems([fair, unknown]) == []
    assert provenance.find_problems([fair, unfair]) == [
        f"has the row 'unfair' judged by 'judge', which its training used as 'identity' "
        f"('{network['weights']}')"
    ]


def test_pages_say_which_networks_trained_a_row():
    networks = {
        "lpips": dict(weights="parser", sha256=""),
        "discriminator of the generator": dict(weights="parser", sha256=""),
        "identity": dict(weights="arcface", sha256=""),
    }
    assert provenance.training_networks(measured("a", {}, networks).record) == "arcface, parser"
    assert provenance.training_networks(measured("b", {}, {}).record) == "none"
    assert provenance.training_networks(measured("c", {}).record) == "not recorded"


def test_what_trained_a_generator_counts_for_the_bridges_that_draw_with_it(tmp_path):
    """Its adversary's network is refused as a judge, as those of the bridge's losses are."""
    said, silent = str(tmp_path / "said.safetensors"), str(tmp_path / "silent.safetensors")
    tensors = {"x": torch.zeros(1)}
    weights.save(said, tensors, {"type": "EG3D"}, networks='{"discriminator": "parser"}')
    weights.save(silent, tensors, {"type": "EG3D"})

    specs = dict(generator=said, networks={"identity": "arcface"})
    assert trained_by.networks_of_run("", specs) == {
        "discriminator of the generator": "parser",
        "identity": "arcface",
    }
    assert trained_by.notes_on_generator(said) == []
    assert trained_by.networks_of_generator(silent) == {}
    assert trained_by.notes_on_generator(silent) == [
        "which networks trained its generator 'silent.safetensors' is not known"
    ]
