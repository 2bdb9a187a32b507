"""The speed benchmark compares like with like, and its README says what its record says."""

import json
import sys
from pathlib import Path

import pytest
import torch

from gantoolkit.core.camera import orbit_camera
from gantoolkit.generators.eg3d import EG3D
from gantoolkit.generators.stylegan2 import StyleGAN2
from gantoolkit.networks import modulated_conv, ops

SPEED = Path(__file__).resolve().parents[2] / "benchmarks" / "speed"


@pytest.fixture(autouse=True, scope="module")
def beside():
    """The benchmark's own modules, found as its script finds them."""
    sys.path.insert(0, str(SPEED))
    yield
    sys.path.remove(str(SPEED))


def record():
    """What run.py writes, by hand."""
    ratio = dict(median=2.0, low=1.5, high=2.5)
    summary = dict(median=0.02, least=0.01, rounds=5)
    parts = {"z_t and I^d_0": 0.005, "features": 0.01, "rest": 0.005}
    phase = dict(
        phase="M",
        ratio=ratio,
        ratio_features=ratio,
        **{v: dict(summary, parts=parts) for v in ("anew", "cache", "features")},
    )
    return dict(
        date="2030-01-02 03:04 UTC",
        others=0.03,
        weights=dict(eg3d="random"),
        machine=dict(
            cpu="X", cores=2, bf16=[], system="Linux", python="3.11", torch="2", threads=2
        ),
        parameters=dict(quick=True, rounds=3, seconds=4.0),
        training=dict(
            config="c.py",
            batch=8,
            precision="bf16",
            steps=10,
            guidance=3.0,
            fill_per_sample=0.1,
            phases=[phase],
            difference={},
            whole_run=dict(
                iterations=600,
                samples=1150,
                anew=300.0,
                fill=40.0,
                cache=100.0,
                ratio=3.0,
                pays_after=77,
            ),
        ),
        synthesis=[
            {
                "generator": "EG3D",
                "weights": "random",
                "resolution": 64,
                "batch": 4,
                "precision": "fp32",
                "pass": "forward",
                "ratio": ratio,
                "ours": summary,
                "port": dict(summary, median=0.04),
                "ours: pixels": 1e-5,
                "ours: pixels, mean": 1e-6,
                "ours: gradients": 1e-6,
            }
        ],
        startup=[
            dict(
                command="gantoolkit --help",
                cpu=0.15,
                wall=0.2,
                rounds=3,
                of_python=9.0,
                of_torch=0.1,
            )
        ],
    )


def drawn(generator, ws, camera=None):
    """(image, gradient of its weighted sum by ws) of ours and of the port."""
    from reference import Reference
    from universe import stir

    stir(generator, 0.1)
    port = Reference(generator)
    found = []
    for draw in (
        lambda w: generator.render(w, camera, deterministic=True).image,
        lambda w: port(w, camera),
    ):
        codes = ws.clone().requires_grad_()
        image = draw(codes)
        (image * torch.linspace(-1, 1, image.numel()).reshape(image.shape)).sum().backward()
        found += [image.detach(), codes.grad]
    return found


@pytest.mark.parametrize("clamp", [None, 0.5])
def test_port_of_stylegan2_draws_what_ours_draws(clamp):
    torch.manual_seed(0)
    generator = StyleGAN2(8, 12, 16, channels=[10, 8, 6], mapping_layers=1, conv_clamp=clamp)
    image, slope, other, other_slope = drawn(generator, torch.randn(3, generator.num_ws, 12))
    assert (image - other).abs().max() < 1e-4 and (
        slope - other_slope
    ).abs().max() < 1e-4 * slope.abs().max()


@pytest.mark.parametrize("axes, variant", [("fixed", "2X"), ("eg3d", "8X")])
def test_port_of_eg3d_draws_what_ours_draws(axes, variant):
    torch.manual_seed(0)
    up = {"2X": 2, "8X": 4}[variant]
    generator = EG3D(
        8,
        12,
        8 * up,
        0,
        channels=[10, 8],
        mapping_layers=1,
        plane_resolution=8,
        plane_channels=4,
        plane_axes=axes,
        decoder_hidden=6,
        decoder_channels=5,
        rays=8,
        samples=5,
        importance=0,
        superresolution=variant,
        sr_input=8,
        sr_channels=[6, 4],
        sr_clamp=None,
    )
    ws, camera = torch.randn(2, generator.num_ws, 12), orbit_camera([0.3, -0.2])
    image, slope, other, other_slope = drawn(generator, ws, camera)
    assert (image - other).abs().max() < 1e-4 and (
        slope - other_slope
    ).abs().max() < 1e-3 * slope.abs().max()


def test_port_refuses_what_it_does_not_draw():
    from reference import Reference

    generator = EG3D(
        8,
        12,
        16,
        0,
        channels=[4, 4],
        plane_resolution=8,
        plane_channels=2,
        rays=8,
        samples=3,
        importance=2,
        superresolution="2X",
        sr_input=8,
        sr_channels=[4, 4],
    )
    with pytest.raises(ValueError, match="importance"):
        Reference(generator)


@pytest.mark.parametrize("up, demodulate", [(1, True), (2, True), (1, False)])
def test_modulated_convolution_of_the_port(up, demodulate):
    import reference

    x, weight, styles = torch.randn(3, 5, 6, 6), torch.randn(4, 5, 3, 3), torch.randn(3, 5)
    ours = modulated_conv.modulated_conv2d(
        x,
        weight,
        styles,
        up=up,
        padding=1,
        f=ops.setup_filter(),
        demodulate=demodulate,
        flip_weight=up == 1,
    )
    port = reference.modulated_conv2d(x, weight, styles, reference.low_pass(), up, demodulate)
    assert torch.allclose(ours, port, atol=1e-4)


def test_variants_take_turns_and_parts_add_up():
    import timing

    calls = []
    kept = timing.interleave({n: (lambda n=n: calls.append(n)) for n in "AB"}, seconds=0, least=3)
    assert "".join(calls) == "ABABABAB" and len(kept) == len(timing.seconds_of(kept, "B")) == 2
    assert all(r.others >= 0 for r in kept)
    assert timing.ratio([2.0, 4.0, 9.0], [1.0, 2.0, 3.0])["median"] == 2
    parts = timing.PartTimer()
    with parts.part("whole"), parts.part("inside"):
        sum(range(10**5))
    assert parts.seconds["inside"] > 10 * parts.seconds["whole"] >= 0


def test_tables_hold_what_the_record_says():
    import speed_tables
    import table

    text = speed_tables.tables(record())
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [
        "EG3D 64 px, forward",
        "fp32",
        "4",
        "5.0",
        "10.0",
        "2.00 (1.50–2.50)",
        "1e-05 (1e-06)",
        "",
    ] in rows
    assert ["M, denoised anew", "5.0", "10.0", "5.0", "20.0", "2.00"] in rows
    assert "100 s instead of 300 s" in text and "77 iterations" in text
    assert "Random weights in place of: eg3d." in text and "`gantoolkit --help`" in text
    assert table.made(record()) == ("speed", text)


def official_record():
    """What official.py writes, by hand."""

    def times(seconds):
        return dict(median=2 * seconds, least=seconds, rounds=3)

    def used(gflop, arithmetic):
        return dict(peak=100.4, gflop=gflop, gbyte=1.23, arithmetic=arithmetic, memory=0.1)

    row = dict(
        case="EG3D 512 px", bar=3.0, theirs=times(6.0), ratio=dict(median=3.0, low=2.9, high=3.1)
    )
    row |= {"pass": "forward", "others": 0.0}
    theirs = used(300, 2.0)
    rows = [
        dict(
            row,
            precision="fp32",
            ours=times(2.5),
            best=2.4,
            used=dict(ours=used(250, 1.5), theirs=theirs),
        ),
        dict(
            row,
            precision="bf16",
            ours=times(1.0),
            best=6.0,
            used=dict(ours=used(250, 0.75), theirs=theirs),
        ),
    ]
    fit = dict(pixels=1e-5, spread=0.5, gradients=2e-4, psnr=45.6, gradients_bf16=0.01)
    return dict(
        date="2030-01-02 03:04 UTC",
        device="cpu",
        others=0.02,
        tolerance=1e-3,
        fidelity=40.0,
        machine=dict(cpu="X", cores=2, threads=1, torch="2"),
        rows=rows,
        equality={"EG3D 512 px": fit},
        rates=dict(fp32=100.0, bf16=200.0, copy=10.0),
    )


def test_tables_against_official_code_hold_what_the_record_says():
    import table

    name, text = table.made(official_record())
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert name == "official" and "45.6 dB" in text
    assert [
        "EG3D 512 px, forward",
        "fp32",
        "6.000",
        "2.500",
        "2.40",
        "3.00 (2.90–3.10)",
        "3.0",
        "no",
    ] in rows
    assert [
        "EG3D 512 px, forward",
        "bf16",
        "6.000",
        "1.000",
        "6.00",
        "3.00 (2.90–3.10)",
        "3.0",
        "yes",
    ] in rows
    assert [
        "EG3D 512 px, forward",
        "theirs, fp32",
        "100",
        "300",
        "2.000",
        "33 %",
        "",
        "1.2",
    ] in rows
    assert [
        "EG3D 512 px, forward",
        "ours, bf16",
        "100",
        "250",
        "0.750",
        "75 %",
        "8.0",
        "1.2",
    ] in rows


def test_a_case_measured_again_keeps_the_others_with_their_date():
    import official
    import table

    old, new = official_record(), official_record() | dict(date="2031-01-01 00:00 UTC")
    old["rows"] += [dict(row, case="StyleGAN2 256 px") for row in old["rows"]]
    old["equality"]["StyleGAN2 256 px"] = old["equality"]["EG3D 512 px"]
    new["rows"] = [dict(row, best=9.99) for row in new["rows"]]
    found = official.merged(old, new)
    assert [(row["case"], row["best"], row.get("date")) for row in found["rows"]] == [
        ("EG3D 512 px", 9.99, None)
    ] * 2 + [("StyleGAN2 256 px", best, "2030-01-02 03:04 UTC") for best in (2.4, 6.0)]
    assert list(found["equality"]) == ["EG3D 512 px", "StyleGAN2 256 px"]
    said = table.made(found)[1]
    assert said.startswith("2031-01-01 00:00 UTC; StyleGAN2 256 px 2030-01-02 03:04 UTC, X")


def test_tables_of_the_encoder_compare_the_faster_precisions():
    """By hand: in bf16 the pipeline takes 3 s, in fp32 the encoder with features takes 1.2 s."""
    import table

    seconds = {"fp32": (4.0, 1.0, 1.2), "bf16": (3.0, 1.1, 2.0)}
    row = dict(batch=8, threads=2, others=0.02, seconds={}, ratios={})
    for precision, times in seconds.items():
        for side, time in zip(("pipeline", "encoder", "features"), times):
            row["seconds"][f"{precision} {side}"] = dict(median=9 * time, least=time, rounds=3)
            row["ratios"][f"{precision} {side}"] = dict(median=2.0, low=1.5, high=2.5)
    machine = dict(cpu="X", cores=2, threads=2, torch="2")
    model = dict(date="2030-01-02 03:04 UTC", machine=machine, rows=[row], difference=2e-5)
    model |= dict(resolution=64, steps=10, guidance=3.0)
    name, text = table.made(dict(models=dict(embedded=model)))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][2:]
    title, spread = "embedded, 8, 2", "2.00 (1.50–2.50)"
    assert name == "encoder" and "by 2e-05" in text
    assert rows == [
        [title, "fp32", "4.000", "1.000", "1.200", "4.00", "3.33", spread, "1.5", "yes"],
        [title, "bf16", "3.000", "1.100", "2.000", "2.73", "1.50", spread, "", ""],
        [title, "each at its faster", "3.000", "1.000", "1.200", "3.00", "2.50", "", "2", "yes"],
    ]


def test_the_encoder_draws_what_diffusers_draws():
    """On a tiny model: the sides of the benchmark make the same pictures, and one row of it."""
    import encoder
    from tiny import parts

    races = {"fp32": encoder.Race(parts(), "fp32", steps=2)}
    assert encoder.difference(races["fp32"]) < 1e-4
    row = encoder.measure_case(races, batch=1, threads=torch.get_num_threads(), rounds=3)
    assert set(row["seconds"]) == {"fp32 pipeline", "fp32 encoder", "fp32 features"}
    assert row["ratios"]["fp32 features"]["median"] > 0


@pytest.mark.parametrize("name", ["speed", "official", "encoder", "gpu", "scaling"])
def test_pages_follow_from_their_records(name):
    import table

    from gantoolkit.report import marked_tables

    readme, path = table.PAGES[name].read_text(encoding="utf-8"), table.RECORDS[name]
    text = "Not measured yet."
    if path.exists():
        assert table.made(json.loads(path.read_text(encoding="utf-8")))[0] == name
        text = table.made(json.loads(path.read_text(encoding="utf-8")))[1]
    assert readme == marked_tables.fill(readme, *table.bounds(name), text)


def test_work_counts_products_and_what_operations_move():
    import roofline

    a, b = torch.ones(4, 8), torch.ones(8, 16)
    found = roofline.work(lambda: (a @ b).t())  # the view moves nothing
    assert found == dict(gflop=2 * 4 * 8 * 16 / 1e9, gbyte=4 * (4 * 8 + 8 * 16 + 4 * 16) / 1e9)
    query, key = torch.ones(2, 3, 16, 8), torch.ones(2, 3, 32, 8)
    attention = torch.nn.functional.scaled_dot_product_attention
    found = roofline.work(lambda: attention(query, key, key))
    assert found["gflop"] == pytest.approx(2 * 2 * (2 * 3 * 16 * 32 * 8) / 1e9, rel=1e-3)
    roofs = roofline.roofs(dict(gflop=30.0, gbyte=5.0), dict(fp32=10.0, copy=20.0), "fp32")
    assert roofs == dict(arithmetic=3.0, memory=0.25)


@pytest.mark.parametrize("up", [1, 2])
@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="resident memory is read on Linux"
)
def test_work_counts_convolutions_with_packed_weights(up):
    """As many as with plain weights, from one map to another and to one twice as large."""
    import roofline

    from gantoolkit.generators.synthesis import SynthesisLayer
    from gantoolkit.networks.cpu import onednn

    if not onednn.supported_dtypes():
        pytest.skip("this build of torch has no oneDNN operations")
    layer = SynthesisLayer(6, 5, 7, 8 * up, up)
    x, w = torch.randn(2, 6, 8, 8), torch.randn(2, 7)
    with torch.no_grad():
        plain = roofline.work(lambda: layer(x, w))["gflop"]
        layer.requires_grad_(False)
        assert roofline.work(lambda: layer(x, w))["gflop"] == pytest.approx(plain, rel=1e-3)
    kinds = {name[0] for name in layer.weight_cache.names()}
    assert kinds & {"packed", "packed_transposed"}


def test_peak_memory_is_that_of_the_run():
    import roofline

    assert 195 < roofline.peak_megabytes(lambda: torch.ones(50, 2**20).sum()) < 230  # MB of float32


def test_packages_of_two_checkouts_do_not_mix(tmp_path):
    import published

    for name in "ab":
        (tmp_path / name / "training").mkdir(parents=True)
        (tmp_path / name / "training" / "__init__.py").touch()
        (tmp_path / name / "training" / "networks.py").write_text(f"NAME = {name!r}")
    for name in "ab":
        with published.importing(tmp_path / name):
            from training import networks

            assert name == networks.NAME
    assert "training" not in sys.modules and str(tmp_path / "a") not in sys.path


def test_every_command_of_the_readme_is_understood(tmp_path, monkeypatch):
    import official
    import run
    import table

    monkeypatch.chdir(tmp_path)
    for path in ("stylegan2-ada-pytorch/training/networks.py", "eg3d/eg3d/training/triplane.py"):
        Path(path).parent.mkdir(parents=True)
        Path(path).touch()
    for line in table.README.read_text(encoding="utf-8").splitlines():
        if line.startswith("python benchmarks/speed/run.py"):
            run.arguments(line.split("#")[0].split()[2:])
        if line.startswith("python benchmarks/speed/official.py"):
            assert official.arguments(line.split()[2:]).eg3d == Path("eg3d/eg3d")
    with pytest.raises(SystemExit):
        official.arguments(["--stylegan2", "eg3d"])


def test_the_timed_source_can_be_asked_whatever_a_trainer_asks():
    from inspect import signature

    import training

    from gantoolkit.tasks.bridge.trajectories import Trajectories

    for name in ("read", "features"):
        wanted = list(signature(getattr(Trajectories, name)).parameters)
        assert list(signature(getattr(training.Source, name)).parameters) == wanted
