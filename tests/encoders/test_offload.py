"""Networks that wait on the CPU: the same numbers, on the device only while they work."""

from __future__ import annotations

import pytest
import torch
from tiny import condition, parts

from gantoolkit.encoders.controlnet import ControlNetEncoder
from gantoolkit.encoders.diffusion import DiffusionEncoder
from gantoolkit.encoders.offload import CpuOffload
from gantoolkit.planning.peak_memory import PeakMemoryTracker

GROUPS = ("unet", "controlnets", "vae", "text")


def bytes_of(network: torch.nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in (*network.parameters(), *network.buffers()))


def groups(encoder) -> dict[str, torch.nn.Module]:
    return dict(
        unet=encoder.unet,
        controlnets=encoder.controlnets,
        vae=encoder.vae,
        text_encoder=encoder.text_encoder,
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_numbers_are_equal(precision):
    given, z = condition(2), torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    plain, waiting = (
        ControlNetEncoder(parts(), steps=2, precision=precision, offload=o).to("cpu")
        for o in (False, True)
    )
    for one, two in zip(plain.trajectory(given), waiting.trajectory(given), strict=True):
        assert torch.equal(one, two)
    assert torch.equal(plain.features(z, 500, given).h, waiting.features(z, 500, given).h)
    for source in ("trajectory", "gt_noised") if precision == "fp32" else ():
        for one, two in zip(
            plain.trace(given, source=source, image=image),
            waiting.trace(given, source=source, image=image),
            strict=True,
        ):
            pairs = zip((one.h, *one.f, *one.attn_prob), (two.h, *two.f, *two.attn_prob))
            assert all(torch.equal(a, b) for a, b in pairs)
        assert torch.equal(one.x0, two.x0)  # of the last step
    silent = DiffusionEncoder(parts(), steps=2), DiffusionEncoder(parts(), steps=2, offload=True)
    assert torch.equal(silent[0].trajectory(given)[1], silent[1].trajectory(given)[1])


def test_each_group_is_on_the_device_only_while_it_works():
    """The meta device as the GPU: within a forward pass all tensors are there, else on the CPU."""
    encoder = ControlNetEncoder(parts(), steps=2, offload=True)
    before = {
        name: {k: v.clone() for k, v in network.state_dict().items()}
        for name, network in groups(encoder).items()
    }
    encoder.to("meta")
    assert encoder.device.type == "meta" and encoder.unet.device.type == "cpu"
    for name, network in groups(encoder).items():
        with encoder.on_device(name):
            for other, module in groups(encoder).items():
                kinds = {t.device.type for t in (*module.parameters(), *module.buffers())}
                assert kinds == {"meta" if other == name else "cpu"}, (name, other)
            with encoder.on_device(name):
                pass
            assert (
                next(network.parameters()).device.type == "meta"
            )  # the outer block still needs it
        for key, tensor in network.state_dict().items():
            assert torch.equal(tensor, before[name][key])
    with pytest.raises(RuntimeError, match="inside"), encoder.on_device("unet"):
        raise RuntimeError("inside")
    assert encoder.unet.device.type == "cpu"


def test_copies_are_dropped_before_the_next_group_wakes():
    """Bytes alive, counted per tensor: the most that a trajectory adds is its largest group."""
    given = condition(2)
    peaks = {}
    for offload in (False, True):
        encoder = ControlNetEncoder(parts(), steps=2, offload=offload).to("cpu")
        # without the weights that are packed for CPUs only
        with torch.backends.mkldnn.flags(enabled=False), PeakMemoryTracker() as ledger:
            kept = encoder.trajectory(given)
            left = ledger.live - sum(t.untyped_storage().nbytes() for t in kept)
        assert left < 0.05 * bytes_of(encoder.unet)  # nothing but results stays
        peaks[offload] = ledger.peak
    sizes = {name: bytes_of(network) for name, network in groups(encoder).items()}
    together = sizes["unet"] + sizes["controlnets"]
    assert together < sum(sizes.values())
    assert 0 < peaks[True] - peaks[False] <= together


def test_a_network_without_tensors_and_shared_ones():
    """A parameter that two modules hold is copied for each and put back in both."""
    one, two = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    two.weight = one.weight
    both, x = torch.nn.Sequential(one, two, torch.nn.ReLU()), torch.ones(1, 3)
    wanted, sleepers = both(x), CpuOffload(dict(net=both, empty=torch.nn.ReLU()))
    with sleepers.on_device("net", "empty"):
        assert one.weight is not two.weight and torch.equal(both(x), wanted)
    assert one.weight is two.weight and one.weight.requires_grad
