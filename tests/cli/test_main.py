"""The command line: light verbs stay light, mistakes are one sentence, exit codes are 0, 1, 2
and 130.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gantoolkit.cli import list_show, main
from gantoolkit.config import loader, signature, validate
from gantoolkit.core.errors import DataError, UsageError
from gantoolkit.registry import manifest

ROOT = Path(main.__file__).parents[2]
HEAVY = ("torch", "mmengine", "diffusers", "transformers", "numpy", "pluggy", "rich", "loud_plugin")
LIGHT = [
    ["--help"],
    ["--version"],
    ["list"],
    ["list", "generators"],
    ["list", "plugins"],
    ["run", "--help"],
    ["generate", "--help"],
    ["figure", "steps", "--help"],
    ["doctor", "--quick"],
]
LIGHT += [
    ["show", name] for entries in manifest.load().components.values() for name in list(entries)[:1]
]
PROBE = """
import json, sys, time
began = time.process_time()  # Python itself has started
from gantoolkit.cli import main as cli
try: code = cli.main(sys.argv[2:])
except SystemExit as e: code = e.code
modules = sorted(m.partition(".")[0] for m in sys.modules)
seconds = time.process_time() - began
json.dump([code or 0, seconds, modules], open(sys.argv[1], "w"))
"""


def run(tmp_path, *arguments, **environment):
    """(exit code, CPU seconds beyond Python's start, top-level modules, stdout + stderr) of one
    command.
    """
    out = tmp_path / "probe.json"
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(out), *arguments],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    code, seconds, modules = json.loads(out.read_text())
    return code, seconds, set(modules), done.stdout + done.stderr


@pytest.fixture
def loud_plugin(tmp_path):
    """A folder plugin that must never be imported by a light verb."""
    (tmp_path / "loud_plugin").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "loud"\nversion = "3"\n'
        '[project.entry-points.gantoolkit]\nloud = "loud_plugin"\n'
    )
    (tmp_path / "loud_plugin" / "__init__.py").write_text('raise RuntimeError("imported")\n')
    (tmp_path / "loud_plugin" / "registry.yaml").write_text(
        'components: {generator: {Loud: {module: "loud_plugin:Loud", summary: "a loud one"}}}\n'
    )
    return str(tmp_path)


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_light_verbs_import_nothing_heavy_and_take_under_300_ms(tmp_path, loud_plugin, arguments):
    best = 9.0
    for _ in range(3):
        code, seconds, modules, text = run(tmp_path, *arguments, GANTOOLKIT_PLUGINS=loud_plugin)
        assert code == 0 and not modules & set(HEAVY), text
        best = min(best, seconds)
        if best < 0.3:
            break
    assert best < 0.3, f"{best:.2f} s of CPU time"


def test_list_and_show_a_plugins_component(tmp_path, loud_plugin):
    _, _, _, text = run(tmp_path, "list", GANTOOLKIT_PLUGINS=loud_plugin)
    assert re.search(r"Loud +a loud one \[plugin loud\]", text) and re.search(r"loud +3", text)


def test_show_prints_arguments_with_defaults(capsys):
    assert main.main(["show", "vae"]) == 0
    text = capsys.readouterr().out
    assert "data: str (required)" in text and "lr: float = 0.001" in text


def test_show_explains_every_argument_of_every_component():
    unexplained = []
    for kind, entries in manifest.load().components.items():
        for name, entry in entries.items():
            for argument in signature.of(entry).arguments:
                is_runners = kind == "task" and argument.name in validate.FROM_RUNNER
                if not argument.comment and not is_runners:
                    unexplained.append(f"{name}.{argument.name}")
    assert not unexplained


def test_show_prints_what_docstrings_say_of_arguments_once(capsys):
    assert main.main(["show", "AbSM"]) == 0
    text = capsys.readouterr().out
    assert "width: int = 128  # channels of T\n" in text
    assert "mean_w: Tensor (required)  # the generator's mean code w̄ [w_dim]\n" in text
    assert text.count("channels of T") == 1 and ">>> latent = bridge(features)" in text
    assert main.main(["show", "DualDiscriminator"]) == 0
    shown = capsys.readouterr().out
    assert "channel_max: int = 512  # widths, as in Discriminator\n" in shown


def test_show_takes_keys_for_configs_alone(capsys):
    assert main.main(["show", "EG3D", "lr=5"]) == 2
    assert "'EG3D' is not a config, so 'lr=5' sets nothing" in capsys.readouterr().err


def test_show_config_prints_every_value_with_its_origin(capsys):
    name = loader.shipped_configs()[0]
    assert main.main(["show", name, "schedule.batch=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        re.match(r"schedule\.batch = 3 +# override schedule\.batch=3", line) for line in lines
    )
    assert any(line.endswith(f"# {name}") for line in lines) and all(
        "  # " in line for line in lines
    )


def test_list_knows_singular_plural_and_every_section(capsys):
    for typed in ("generator", "Generators", "losses", "loss", *list_show.SECTIONS):
        assert main.main(["list", typed]) == 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["list", "generater"], ["did you mean 'generators'"]),
        (["show", "Mappin"], ["did you mean 'Mapping'"]),
        (["show", "configs/absent.py"], ["no config 'configs/absent.py'"]),
        (
            ["run", "configs/absent.py"],
            ["no config 'configs/absent.py'", "gantoolkit list configs"],
        ),
        (
            ["run", loader.shipped_configs()[0], "schedule.iteration=1"],
            ["did you mean 'iterations'"],
        ),
        (
            ["run", loader.shipped_configs()[0], "--out", "x", "schedule.iteration=1"],
            ["did you mean 'iterations'"],
        ),
        (["new", "plugin", "Not A Name"], ["lower-case"]),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(capsys, arguments, words):
    assert main.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and all(word in captured.err for word in words), (
        captured.err
    )


def test_run_with_a_mistake_does_not_import_torch(tmp_path):
    code, _, modules, _ = run(tmp_path, "run", loader.shipped_configs()[0], "sede=1")
    assert code == 2 and "torch" not in modules


@pytest.mark.parametrize(
    "error, code, words",
    [
        (UsageError("What was asked."), 2, "What was asked."),
        (DataError("What is broken."), 1, "What is broken."),
        (OSError(28, "No space left on device", "/x/y"), 1, "The disk is full (/x/y)"),
        (OSError(13, "Permission denied", "/x/y"), 1, "/x/y: permission denied."),
        (
            ModuleNotFoundError("No module named 'anny'", name="anny"),
            1,
            "needs the Python package 'anny'",
        ),
        (
            ZeroDivisionError("division\nby zero"),
            1,
            "ZeroDivisionError: division by zero. Repeat with --debug",
        ),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_every_error_is_a_sentence(monkeypatch, capsys, error, code, words):
    def fail(args):
        raise error

    monkeypatch.setattr(list_show, "list_", fail)
    assert main.main(["list"]) == code
    captured = capsys.readouterr().err
    assert words in captured and captured.count("\n") == 1
    if code == 1:
        with pytest.raises(type(error)):
            main.main(["--debug", "list"])


def test_overrides_may_stand_anywhere():
    args = main.parse(["run", "c.py", "a=1", "--out", "here", "b=2", "--resume", "c=3"])
    assert args.overrides == ["a=1", "b=2", "c=3"] and args.out == "here" and args.resume
    with pytest.raises(UsageError, match="no option '--outt' .did you mean '--out'"):
        main.parse(["run", "c.py", "--outt", "here"])


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("generate x --t-out -5", "--t-out must be from 0 to 999, not -5"),
        ("generate x --t-out 5000", "--t-out must be from 0 to 999, not 5000"),
        ("generate x --seed 99999999999999999999999", "--seed must be from 0 to 4294967295"),
        ("generate x --count 0", "--count must be at least 1, not 0"),
        ("generate x --views many", "--views must be a whole number, not 'many'"),
        ("generate x --frames 2.5", "--frames must be a whole number, not '2.5'"),
        (
            "generate x --device cuba",
            "--device: there is no device 'cuba' (did you mean 'cuda'?); choose cpu, cuda",
        ),
        ("bench table1 --device cuda:x", "there is no device 'cuda:x'"),
        ("figure views x --device CPU", "did you mean 'cpu'"),
        ("generate x --sede 3", "there is no option '--sede' (did you mean '--seed'"),
        (
            "generate x --labels bisnet",
            "--labels: there is no 'bisnet' (did you mean 'bisenet'?); choose celebamask, ",
        ),
        ("generate x y", "unrecognized arguments: y; see 'gantoolkit generate --help'"),
        ("generat x", "there is no 'generat' (did you mean 'generate'"),
        ("figure vews x", "there is no 'vews' (did you mean 'views'"),
        ("demo --port 99999999", "--port must be from 1 to 65535"),
        ("data prepare folder --root x --out y --limit -1", "--limit must be at least 1, not -1"),
        (
            "data prepare folder --root x --out y --test-share 7",
            "--test-share must be from 0 to 1, not 7",
        ),
        (
            "data resize x --out y --resolution 8 --limit -3",
            "--resolution must be from 16 to 2048, not 8",
        ),
        ("data resize x --out y --resolution 32 --limit -3", "--limit must be at least 1, not -3"),
        ("bench table1 --pairs 0", "--pairs must be at least 2, not 0"),
        ("compare --data x --outputs a=b --size 0", "--size must be from 16 to 2048, not 0"),
        ("compare --data x --outputs a=b --bootstrap -5", "--bootstrap must be at least 0, not -5"),
        ("figure generator x --truncation nan", "--truncation must be a finite number, not 'nan'"),
        (
            "figure generator x --truncation 1e999",
            "--truncation must be a finite number, not '1e999'",
        ),
        ("figure generator x --seed -1", "--seed must be from 0 to 4294967295, not -1"),
        ("run c.py --processes 0 --dry-run", "--processes must be at least 1, not 0"),
    ],
)
def test_a_wrong_option_is_one_sentence_before_anything_else(arguments, words, capsys):
    assert main.main(arguments.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("gantoolkit: ") and words in said and said.count("\n") == 1, said


def test_a_device_that_is_not_here_is_one_sentence(monkeypatch):
    import torch

    from gantoolkit.core.distributed import pick_device

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for name, words in (
        ("cuda:2", "sees 2 CUDA devices; use another"),
        ("mps", "sees no MPS device"),
        ("gpu", "no device 'gpu'"),
    ):
        with pytest.raises(UsageError, match=words):
            pick_device(name)
    assert pick_device("cpu").type == "cpu"
