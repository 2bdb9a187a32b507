"""docs/full-scale.md in miniature: its commands, overrides, tables and job script are understood
as they stand.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gantoolkit.bench.prepare import PROGRAMS
from gantoolkit.cli import main
from gantoolkit.config import loader
from gantoolkit.registry import manifest

PAGE = Path(main.__file__).parents[2] / "docs" / "full-scale.md"
pytestmark = pytest.mark.skipif(
    not PAGE.is_file(), reason="docs/ is not part of an installed package"
)


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text(), re.S)


def understood(words: list[str]) -> None:
    """torchrun takes what stands before -m, gantoolkit what comes after, and the config its
    overrides.
    """
    from torch.distributed.run import get_args_parser

    given = get_args_parser().parse_args(words)
    assert given.module and given.training_script == "gantoolkit"
    args = main.parse(given.training_script_args)
    assert args.resume and loader.load_config(args.config, args.overrides).task in (
        "bridge",
        "controlnet",
    )


def test_torchrun_takes_its_commands():
    plain = [line for block in blocks("sh") if "#!" not in block for line in block.splitlines()]
    lines = [line for line in plain if line.startswith("torchrun ")]
    assert len(lines) == 4
    for line in lines:
        understood(shlex.split(line)[1:])


def test_its_other_commands_are_understood():
    """All of gantoolkit's commands, and those that draw and compare meet in the same files and
    run folders.
    """
    lines = "\n".join(b for b in blocks("sh") if "#!" not in b).replace("\\\n", " ").splitlines()
    found = [main.parse(shlex.split(line)[1:]) for line in lines if line.startswith("gantoolkit ")]
    drawn = {(args.out, args.data): args.source for args in found if hasattr(args, "turntable")}
    compared = [args for args in found if getattr(args, "outputs", None)]
    prepared = {(args.prepare, args.data) for args in found if getattr(args, "prepare", None)}
    assert prepared == {
        (name, args.data)
        for args in compared
        for name in (o.partition("=")[0] for o in args.outputs)
        if name in PROGRAMS
    }
    assert len(found) >= 8 and len(drawn) == len(compared) == 2
    for args in compared:
        ours = next(o.partition("=")[2] for o in args.outputs if o.startswith("ours:"))
        source = drawn[ours, args.data]
        name = next(c for c in ("absm_eg3d", "absm_stylegan2") if source.startswith(f"runs/{c}"))
        values = loader.load_config(f"configs/full/{name}.py")
        assert (
            source == f"runs/{values.name}"
            and args.data == values.data.val
            and args.size == values.score_size
        )


def test_runs_of_paper_scale_and_of_the_embedded_universe_lie_apart():
    for name in ("absm_eg3d", "absm_stylegan2", "absm_eg3d_scribble", "absm_stylegan2_scribble"):
        assert (
            loader.load_config(f"configs/full/{name}.py").name
            != loader.load_config(f"configs/{name}.py").name
        )


def test_the_job_script_calls_torchrun_as_it_should(tmp_path):
    """The script runs in bash, with programs in place of srun and torchrun that write down what
    they were given.
    """
    script = next(block for block in blocks("sh") if block.startswith("#!/bin/bash"))
    (tmp_path / "srun").write_text(
        '#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"\n'
    )
    (tmp_path / "torchrun").write_text(
        f'#!/bin/bash\nprintf "%s\\n" "$@" > {tmp_path}/given\n'
        f"echo $TORCH_DISABLE_SHARE_RDZV_TCP_STORE > {tmp_path}/shared\n"
    )
    (tmp_path / "hostname").write_text("#!/bin/bash\necho node1\n")
    (tmp_path / "scontrol").write_text(f'#!/bin/bash\necho "$@" > {tmp_path}/asked\n')
    for name in ("srun", "torchrun", "hostname", "scontrol"):
        (tmp_path / name).chmod(0o755)
    bash = shutil.which("bash") or pytest.skip("there is no bash here")
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    (tmp_path / "runs").mkdir()

    def submitted() -> int:
        return subprocess.run(
            [bash, "-eu"], input=script, text=True, env=environment, cwd=tmp_path
        ).returncode

    assert (
        submitted() == 0 and (tmp_path / "asked").read_text() == "requeue 7\n"
    )  # stopped: it goes on later
    (tmp_path / "asked").unlink()
    home = tmp_path / "runs" / loader.load_config("configs/full/absm_eg3d.py").name
    home.mkdir()
    (home / "record.json").write_text("{}")
    assert submitted() == 0 and not (tmp_path / "asked").exists()  # finished
    words = (tmp_path / "given").read_text().splitlines()
    understood(words)
    assert words[words.index("--rdzv-id") + 1] == "7" and "node1:29500" in words
    assert (tmp_path / "shared").read_text().strip() == "1"


def test_every_override_in_its_sentences_is_taken():
    """Each `key=value` in the text, by the config that has the key."""
    found = re.findall(
        r"`((?:[a-z_]+\.)?[a-z_]+=[^`]+)`", re.sub(r"```.*?```", "", text(), flags=re.S)
    )
    assert len(found) >= 15
    for typed in found:
        words = shlex.split(typed) if "{" not in typed and "[" not in typed else [typed]
        loader.load_config("configs/full/absm_eg3d.py", words)


def test_links_and_sums_of_weights_are_those_of_the_registry():
    table = [line for line in text().splitlines() if line.startswith("| ") and "](http" in line]
    known, seen = manifest.load().weights, set()
    for line in table:
        _, name, link, total, licence = (cell.strip() for cell in line.strip("|").split("|"))
        entry, address = known.get(name.strip("`")), re.search(r"\]\(([^)]+)\)", link)[1]
        if entry is None:  # insightface's own
            assert "insightface" in name
            continue
        seen.add(name.strip("`"))
        assert address in (entry.get("url"), entry["page"]), name
        assert str(entry.get("sha256", "")).startswith(total.strip("`")) and bool(total) == (
            "sha256" in entry
        ), name
        assert (
            licence.split()[0].strip(",") in entry["licence"] or "research" in entry["licence"]
        ), name
    assert {
        "stable-diffusion-v1-5",
        "eg3d-ffhq",
        "stylegan2-ffhq",
        "irse50",
        "bisenet",
        "pidinet",
    } <= seen


def test_the_judges_are_those_of_the_configs():
    judges = yaml.safe_load(blocks("yaml")[0])
    wanted = loader.load_config("configs/full/absm_eg3d.py").metrics.to_dict()
    judging, networks = ({n: s for n, s in found.items() if s} for found in (judges, wanted))
    assert judging == networks
    assert judges.keys() <= wanted.keys()
