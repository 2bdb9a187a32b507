"""Weights files: equal content is equal bytes, and safetensors reads what was written."""

from __future__ import annotations

import torch
from safetensors import safe_open

from gantoolkit import weights


def test_equal_content_is_equal_bytes_whatever_the_order_of_its_facts(tmp_path):
    state = {"a": torch.arange(5.0), "b": torch.ones(2, 3, dtype=torch.int64)}
    facts = {f"fact {i}": f"é{i}" for i in range(8)}
    files = [
        weights.save(
            tmp_path / f"{n}.safetensors",
            state,
            {"type": "Toy"},
            **dict(sorted(facts.items(), reverse=n % 2)),
        )
        for n in range(6)
    ]
    assert len({file.read_bytes() for file in files}) == 1
    with safe_open(files[0], "pt") as file:
        assert file.metadata() == {"arch": '{"type": "Toy"}', **facts}
        assert all(torch.equal(file.get_tensor(key), value) for key, value in state.items())
