"""Configs: inheritance, overrides, provenance, strict checks, and that a run folder's JSON is
only read.
"""

import json
from pathlib import Path

import pytest

from gantoolkit.config import loader, validate
from gantoolkit.core.errors import UsageError
from gantoolkit.registry import manifest

PACKAGE = Path(loader.__file__).parents[1]
TASK = '''
class Toy:
    """A task."""
    def __init__(self, data: str, lr: float = 1e-3, widths: tuple = (1, 2),
                 bridge: dict | None = None, losses: dict | None = None,
                 cache: dict | None = None, device="cpu", seed: int = 0): ...

class Block:
    def __init__(self, width: int, depth: int = 1, shape=None): ...
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A folder with configs of a task `toy`, registered for this test.

    None of its code is ever imported.
    """
    (tmp_path / "toy_source.py").write_text(TASK)
    monkeypatch.syspath_prepend(tmp_path)
    components = manifest.load().components
    for kind, name, module in (
        ("task", "toy", "Toy"),
        ("bridge", "Block", "Block"),
        ("bridge", "Other", "Block"),
        ("loss", "Block", "Block"),
    ):
        monkeypatch.setitem(
            components[kind], name, {"module": f"toy_source:{module}", "owner": "gantoolkit"}
        )
    (tmp_path / "base.py").write_text(
        'import math\ntask = "toy"\ndata = "base"\nlr = 1 / 4\nwidths = (1, 2, 3)\n'
        "_hidden = object()\n"
        'bridge = dict(type="Block", width=1, depth=2)\n'
        'losses = dict(l2=dict(type="Block", width=1))\n'
        "cache = dict(max_gb=2)\n"
    )
    (tmp_path / "child.py").write_text(
        '_base_ = "base.py"\ndata = "child"\nwidths = [9]\nbridge = dict(width=5)\n'
        "schedule = dict(iterations=7)\n"
    )
    return tmp_path


def test_inheritance_overrides_and_provenance(toy):
    provenance = {}
    overrides = ["schedule.batch=2", "bridge.depth=4", "cache.max_gb=1"]
    loaded = loader.load_config(toy / "child.py", overrides, provenance)
    assert loaded.name == "child" and loaded.data == "child" and loaded.lr == 0.25
    assert loaded.widths == [9] and loaded.schedule.iterations == 7 and loaded.schedule.batch == 2
    assert loaded.bridge == dict(type="Block", width=5, depth=4)
    assert provenance["bridge.type"].endswith("base.py") and provenance["bridge.width"].endswith(
        "child.py"
    )
    assert (
        provenance["bridge.depth"] == "override bridge.depth=4" and provenance["seed"] == "default"
    )
    assert provenance.keys() == validate.flatten(loaded.to_dict()).keys()


def test_another_type_replaces_the_whole_dict(toy):
    loaded = loader.load_config(toy / "child.py", ["bridge={'type': 'Other', 'width': 3}"])
    assert loaded.bridge == dict(type="Other", width=3)


@pytest.mark.parametrize(
    "text, value",
    [
        ("3", 3),
        ("1e-4", 1e-4),
        ("None", None),
        ("null", None),
        ("none", "none"),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("(1, 2)", [1, 2]),
        ("word", "word"),
        ("a/b=c", "a/b=c"),
        ("'3'", "3"),
        ("", ""),
    ],
)
def test_override_values(text, value):
    assert loader.parse_override(f"data={text}", {}) == {"data": value}


@pytest.mark.parametrize(
    "override, words",
    [
        ("schedule.iteratons=3", ["schedule.iteratons", "did you mean 'iterations'"]),
        ("schedule.iterations=many", ["should be int", "'many'"]),
        ("schedule=3", ["schedule should be a dict"]),
        ("datta=3", ["no key 'datta'", "did you mean 'data'", "override datta=3"]),
        ("data=3", ["data should be str"]),
        ("lr=fast", ["lr should be float"]),
        ("report=no", ["report should be bool", "'no'"]),
        ("task=toi", ["no task 'toi'", "did you mean 'toy'"]),
        ("bridge.dept=3", ["bridge.dept", "did you mean 'depth'"]),
        ("bridge.width=x", ["bridge.width should be int"]),
        ("bridge.type=Blok", ["no bridge 'Blok'", "did you mean 'Block'"]),
        ("losses.l2.widht=2", ["losses.l2.widht", "did you mean 'width'"]),
        ("cache.max_bg=2", ["cache.max_bg", "did you mean 'max_gb'"]),
        ("data.x=2", ["data"]),
        ("nonsense", ["not an override"]),
    ],
)
def test_mistakes_are_sentences(toy, override, words):
    with pytest.raises(UsageError) as caught:
        loader.load_config(toy / "child.py", [override])
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adversary_is_checked_by_its_fields():
    recipe = "configs/pretrain/stylegan2.py"
    typed = ["adversary.loss=hinge", "adversary.psi=[0.4,1.1]"]
    loaded = loader.load_config(recipe, typed)
    assert loaded.adversary.loss == "hinge" and loaded.adversary.psi == [0.4, 1.1]
    for override, words in {
        "adversary.loss=hings": "adversary.loss should be one of 'logistic', 'hinge', 'rpgan'",
        "adversary.warmup=3": "no key 'adversary.warmup'",
    }.items():
        with pytest.raises(UsageError, match=words):
            loader.load_config(recipe, [override])


def test_settings_that_a_config_leaves_out_can_be_typed():
    """What errors and docs/full-scale.md tell people to type is taken, and mistakes in it are
    sentences.
    """
    typed = [
        "cache.stream=True",
        "cache.verify=True",
        "cache.folder=/scratch/cache",
        "sampling.batch=8",
        "schedule.accumulate=2",
        "encoder.offload=True",
        "recompute=1",
        "chunk=4096",
    ]
    loaded = loader.load_config("configs/absm_eg3d.py", typed)
    assert (
        loaded.cache.stream is True
        and loaded.cache.folder == "/scratch/cache"
        and loaded.sampling.batch == 8
    )
    assert (
        loaded.encoder.offload is True and loaded.schedule.accumulate == 2 and loaded.chunk == 4096
    )
    for wrong, words in (
        ("cache.streem=True", "did you mean 'stream'"),
        ("sampling.batch=few", "should be int"),
        ("cache=3", "cache should be"),
        ("cache.stream=1", "should be bool"),
    ):
        with pytest.raises(UsageError, match=words):
            loader.load_config("configs/absm_eg3d.py", [wrong])


@pytest.mark.parametrize(
    "override, words",
    [
        (
            "data=empty.zip",
            "data should be a dict of train, val, train_limit, val_limit, not 'empty.zip'",
        ),
        ("data.train_limit=0", "data.train_limit should be at least 1, not 0"),
        ("data.trian=x", "did you mean 'train'"),
        ("score_after_steps=3", "score_after_steps should be a list of int, not 3"),
        ("score_after_steps=[1.5]", "score_after_steps should be a list of int, not [1.5]"),
        ("betas=[0.9]", "betas should be a list of float, float"),
        ("losses=l2", "losses should be a dict, not 'l2'"),
        ("metrics=3", "metrics should be a dict or None, not 3"),
        ("lr=-1.0", "lr should be above 0, not -1.0"),
        ("lr=1e999", "lr should be finite"),
        ("lr_modulation=0", "lr_modulation should be above 0"),
        ("mapping_fraction=7.0", "mapping_fraction should be from 0 to 1, not 7.0"),
        ("ema=5.0", "ema should be from 0 to below 1"),
        ("encoder.steps=5000", "encoder.steps should be from 1 to 1000, not 5000"),
        ("encoder.steps=0", "encoder.steps should be from 1 to 1000"),
        ("losses.identity.weight=1e999", "losses.identity.weight should be finite"),
        ("schedule.clip=1e999", "schedule.clip should be finite"),
        ("seed=99999999999999999999999", "seed should be from 0 to 4294967295"),
        ("seed=-1", "seed should be from 0 to 4294967295"),
        ("schedule.precision=fp8", "schedule.precision should be one of 'fp32', 'bf16', not 'fp8'"),
        ("schedule.batch=0", "schedule.batch should be at least 1"),
        ("schedule.warmup=-4", "schedule.warmup should be 0 or more"),
        ("cache.max_gb=-1.0", "cache.max_gb should be 0 or more"),
        ("score_after_steps=[0, 1]", "score_after_steps should be at least 1, not [0, 1]"),
        ("sampling.source=noise", "sampling.source should be one of 'trajectory', 'gt_noised'"),
        ("training=T only", "training should be one of 'M then T', 'alternating', 'M only'"),
        ("targets=photo", "targets should be one of 'paper', 'x0', 'gt'"),
        ("bridge.attention=maybe", "bridge.attention should be one of 'output_max',"),
        ("encoder.tap=end", "encoder.tap should be one of 'attention', 'block'"),
        (
            "device=cuba",
            "there is no device 'cuba' (did you mean 'cuda'?); "
            "choose cpu, cuda, mps, auto or cuda:N",
        ),
        (
            "losses.identity=3",
            "losses.identity (override losses.identity=3) should be a dict with type='NAME'",
        ),
        (
            "losses={'identity': {'type': 'Identity'}, 'identty': {'weight': 1}}",
            "losses.identty (override losses=",
        ),
        (
            "metrics={'fidd': {}}",
            "metrics.fidd (override metrics={'fidd': {}}): "
            "There is no metric 'fidd' (did you mean 'fid'",
        ),
        ("metrics={'fid': {'netwrk': 'judge'}}", "metrics.fid.netwrk"),
        ("bridge={'width': 3, '_delete_': True}", "bridge (override bridge="),
        ("bridge={'mapping': {'widht': 3}}", "takes no argument 'widht' (did you mean 'width'?)"),
        ("bridge={'mapping': {'normalise': True}}", "'normalise' (now called 'normalize')"),
        ("bridge.mapping.width=0", "bridge.mapping.width should be from 1 to 32768, not 0"),
        ("bridge.width=100000000", "bridge.width should be from 1 to 32768, not 100000000"),
        ("loss_size=0", "loss_size should be at least 1, not 0"),
        ("losses={}", "'losses={}' changes nothing, because dicts are merged; write"),
        ("data={}", "'data={}' changes nothing"),
        ("seed=one", "seed should be int, not 'one'"),
    ],
)
def test_values_that_cannot_be_are_refused_before_anything_is_loaded(override, words):
    with pytest.raises(UsageError) as caught:
        loader.load_config("configs/absm_eg3d.py", [override])
    assert words in str(caught.value) and "\n" not in str(caught.value), str(caught.value)


def test_a_component_without_a_type_is_named_with_its_file(toy):
    (toy / "typo.py").write_text('_base_ = "base.py"\nlosses = dict(l2s=dict(width=1))\n')
    with pytest.raises(
        UsageError,
        match=r"losses.l2s \(.*typo.py, line 2\) should be a dict with type='NAME' .* of a loss, "
        r"not {'width': 1} \(did you mean 'l2'\?\); known: ",
    ):
        loader.load_config(toy / "typo.py")


def test_values_that_can_be_are_taken():
    typed = [
        "score_after_steps=[]",
        "score_after_steps=(1, 2)",
        "mapping_fraction=1",
        "ema=None",
        "ema=0.9",
        "lr_modulation=None",
        "encoder.steps=1",
        "device=cuda:3",
        "schedule.clip=1",
        "betas=(0, 1)",
        "data.val_limit=None",
        "metrics={'mine': {'type': 'fid'}}",
    ]
    loaded = loader.load_config("configs/absm_eg3d.py", typed)
    assert loaded.mapping_fraction == 1 and loaded.metrics.mine == {"type": "fid"}


@pytest.mark.parametrize(
    "text, words",
    [
        ('task = "toy"', ["lacks 'data'"]),
        ("x = 1", ["names no task"]),
        ('task = "toy"\ndata = open', ["data is a builtin_function"]),
        ('task = "toy"\n\nraise ValueError("no")', ["line 3", "ValueError: no"]),
        ('task = = "toy"', ["line 1", "SyntaxError"]),
        ('_base_ = ["child.py", "broken.py"]', ["broken.py, line 1", "a base of itself"]),
        ('_base_ = "nowhere.py"', ["no config 'nowhere.py'"]),
    ],
)
def test_broken_files_are_sentences(toy, text, words):
    (toy / "broken.py").write_text(text)
    with pytest.raises(UsageError) as caught:
        loader.load_config(toy / "broken.py")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_bases_have_bases(toy):
    """Nearer files win, over any depth; a base that two files share is read once, before both."""
    (toy / "left.py").write_text('_base_ = "child.py"\nlr = 0.5\nbridge = dict(depth=7)\n')
    (toy / "right.py").write_text('_base_ = "base.py"\nwidths = [4]\n')
    (toy / "last.py").write_text('_base_ = ["left.py", "right.py"]\nbridge = dict(width=8)\n')
    provenance = {}
    loaded = loader.load_config(toy / "last.py", (), provenance)
    assert loaded.data == "child" and loaded.lr == 0.5 and loaded.widths == [4]
    assert loaded.bridge == dict(type="Block", width=8, depth=7)
    origins = {key: Path(provenance[key]).name for key in ("task", "data", "lr", "bridge.depth")}
    assert origins == {
        "task": "base.py",
        "data": "child.py",
        "lr": "left.py",
        "bridge.depth": "left.py",
    }


def test_json_round_trip_executes_nothing(toy):
    loaded = loader.load_config(toy / "child.py")
    (toy / "run").mkdir()
    (toy / "run" / "config.json").write_text(json.dumps(loaded.to_dict()))
    (toy / "run" / "config.py").write_text("raise SystemExit('executed')")
    assert loader.load_config(toy / "run").to_dict() == loaded.to_dict()
    assert loader.load_config(toy / "run" / "config.json").to_dict() == loaded.to_dict()
    (toy / "run" / "config.json").write_text("{")
    with pytest.raises(UsageError, match="not a readable config"):
        loader.load_config(toy / "run")


def test_names_resolve_as_typed_then_in_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no config 'configs/nothing.py'"):
        loader.find_config("configs/nothing.py")
    shipped = loader.shipped_configs()[0]
    assert loader.find_config(shipped) == PACKAGE / shipped
    (tmp_path / shipped).parent.mkdir(parents=True)
    (tmp_path / shipped).write_text("x = 1")
    assert loader.find_config(shipped) == Path(shipped)


@pytest.mark.parametrize("name", loader.shipped_configs())
def test_every_shipped_config_loads_and_is_short(name):
    loaded = loader.load_config(name)
    assert loaded.schedule.iterations > 0
    lines = [line for line in loader.find_config(name).read_text().splitlines() if line.strip()]
    assert len(lines) <= 45, f"{name} has {len(lines)} lines"


def test_style_transfer_compares_with_the_diffusion_model_alone():
    """Figure 10: I^d_0 in every term and every score.

    What the config reads is what its recipe's run writes.
    """
    loaded, recipe = (
        loader.load_config(f"configs/{name}.py")
        for name in ("style_transfer", "pretrain/diffusion_marble")
    )
    assert (
        loaded.targets == loaded.score_target == "x0"
        and loaded.generator == "eg3d"
        and loaded.condition == "mask"
    )
    assert set(loaded.metrics) == {"lpips", "ms_ssim"} and loaded.data.train_limit is None
    assert (
        loaded.encoder.weights == f"runs/{recipe.name}/export"
        and loaded.encoder.controlnet == "controlnet-mask"
    )
    assert (
        recipe.init_from == recipe.vae == recipe.text == "diffusion"
        and recipe.get("lr_text") is None
    )
