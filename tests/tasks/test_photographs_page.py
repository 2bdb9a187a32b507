"""docs/guide/your-photographs.md in miniature: its commands in order, on a few rendered faces."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
import trees
from PIL import Image

from gantoolkit.cli import main
from gantoolkit.core.images import to_float
from gantoolkit.data.face_zip import FaceZip
from gantoolkit.networks.bisenet import TO_CELEBAMASK, BiSeNet
from gantoolkit.networks.blocks import imagenet_normalize

DOCS = Path(main.__file__).parents[2] / "docs"
PAGE = DOCS / "guide" / "your-photographs.md"
SCRIPT = "docs/examples/masks_of_photos.py"
COUNT = 12
SHORTER = {  # words of a command → what makes it short
    "data check": ["--workers", "1"],
    "data prepare": ["--test-share", "0.3", "--detect", "128", "--workers", "1"],
    "run mine.py": [
        "schedule.iterations=2",
        "schedule.batch=2",
        "encoder.steps=2",
        "score_after_steps=[1]",
        "device=cpu",
    ],
    "generate runs/mine": ["--limit", "2"],
}
pytestmark = pytest.mark.skipif(
    not PAGE.is_file(), reason="docs/ is not part of an installed package"
)


def commands() -> list[list[str]]:
    """The words of every command of the page, in its order."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.S)
    return [shlex.split(line[2:]) for block in blocks for line in block.splitlines()]


def gantoolkit(words: list[str]) -> int:
    more = next((more for start, more in SHORTER.items() if " ".join(words).startswith(start)), [])
    return main.main([*words, *more])


def write_photographs(root: Path) -> None:
    """Folders as the page shows them; pictures are twice as large as their masks."""
    for kind in ("images", "masks", "captions"):
        (root / kind).mkdir(parents=True)
    for row in range(COUNT):
        name, faces = f"person-{row}", trees.faces()
        photo = Image.fromarray(faces.images[row].permute(1, 2, 0).numpy())
        photo.resize((128, 128)).save(root / f"images/{name}.jpg", quality=95)
        Image.fromarray(faces.labels[row].numpy()).save(root / f"masks/{name}.png")
        (root / f"captions/{name}.txt").write_text(faces.captions[row][0] + "\n")


def test_the_script_writes_what_bisenet_sees(tmp_path):
    """Against the classes of the network's published order, read in the test's own way."""
    torch.manual_seed(0)
    network = BiSeNet().eval()
    torch.save(network.state_dict(), tmp_path / "79999_iter.pth")
    (tmp_path / "photos").mkdir()
    photo = Image.fromarray(trees.faces().images[0].permute(1, 2, 0).numpy()).resize((512, 512))
    photo.save(tmp_path / "photos/anna.png")
    script = runpy.run_path(str(DOCS.parent / SCRIPT))["main"]
    script(*(str(tmp_path / name) for name in ("photos", "masks", "79999_iter.pth")))

    pixels = to_float(torch.from_numpy(np.array(photo)).permute(2, 0, 1))[None]
    with torch.no_grad():
        published = network(imagenet_normalize(pixels))[0].argmax(1)[0]
    expected = torch.tensor(TO_CELEBAMASK)[published].numpy()
    written = np.array(Image.open(tmp_path / "masks/anna.png"))
    assert written.shape == (512, 512) and len(np.unique(written)) > 1
    assert (written == expected).mean() > 0.999


@pytest.mark.slow
def test_the_commands_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    write_photographs(tmp_path / "photos")
    config = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[1]
    (tmp_path / "mine.py").write_text(config)
    done = []
    for program, *words in commands():
        if words[:2] == ["weights", "get"] or words[0] == SCRIPT:
            continue  # the published file is not here; the script has a test of its own
        assert program == "gantoolkit" and gantoolkit(words) == 0, words
        done.append(words[0])
    assert done == ["data", "data", "run", "bench", "generate"]

    train, test = (FaceZip(f"data/mine/{name}.zip") for name in ("train", "test"))
    assert len(train) + len(test) == COUNT and len(test) >= 2
    captions = {f"person-{row}": trees.faces().captions[row][:1] for row in range(COUNT)}
    assert [captions[Path(file).stem] for file in test.files] == test.captions
    assert train.cameras.shape == (len(train), 25) and train.scribbles is not None

    record = json.loads(Path("runs/mine/record.json").read_text())
    assert record["scores"]["G(w)"]["lpips[judge]"]["n"] == len(test)
    assert Path("runs/mine/report.html").is_file()
    measured = json.loads(Path("runs/mine/bench/mine/mine.json").read_text())
    scores = next(iter(measured["scores"].values()))
    assert scores["lpips[judge]"]["n"] == len(test)
    page = Path("runs/mine/bench/mine/mine.md").read_text()
    assert page.startswith("# mine on its own pairs") and "LPIPS" in page
    drawn = [json.loads(line) for line in Path("faces/manifest.jsonl").read_text().splitlines()]
    assert {row["text"] for row in drawn} == {"She is smiling."}


def test_captions_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_photographs(tmp_path / "photos")
    for file in Path("photos/captions").iterdir():
        file.unlink()
    Path("photos/captions").rmdir()
    words = next(words[1:] for words in commands() if "prepare" in words)
    assert gantoolkit([*words, "--captions", "none"]) == 0
    assert FaceZip("data/mine/train.zip").captions[0] == []
    assert "`--captions none`" in PAGE.read_text(encoding="utf-8")
