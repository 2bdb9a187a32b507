"""The page behind a real server, asked by gradio_client: pictures, sentences, refusals."""

import base64
import io
import re
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

gradio = pytest.importorskip("gradio", reason="the optional extra 'demo' is not installed")
client_of = pytest.importorskip(
    "gradio_client", reason="the optional extra 'demo' is not installed"
).Client

from small import write_runs  # noqa: E402

from gantoolkit.core.errors import UsageError  # noqa: E402
from gantoolkit.core.labels import CLASSES  # noqa: E402
from gantoolkit.demo import drawing, figures, layout, painter  # noqa: E402
from gantoolkit.demo.models import Models, offered  # noqa: E402
from gantoolkit.demo.page import Page  # noqa: E402
from gantoolkit.demo.server import launch  # noqa: E402


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(page, address, secret file beside the runs, blocks)."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "served"))
        patch.setenv("GRADIO_ALLOWED_PATHS", "/")  # must not count
        patch.setenv("GRADIO_SHARE", "true")
        patch.chdir(folder)
        (folder / "secret.txt").write_text("nobody may read this")
        page = Page(Models(offered([str(write_runs(folder))])), folder / "downloads")
        page.warm_up()
        blocks = layout.build(page)
        yield page, launch(blocks), folder / "secret.txt", blocks
        blocks.close()


@pytest.fixture(scope="module")
def client(served):
    return client_of(served[1], verbose=False, download_files=str(served[2].parent / "client"))


def face() -> str:
    labels = np.zeros((64, 64), np.uint8)
    labels[10:56, 16:48] = 1
    return drawing.mask_uri(labels)


def ask(client, run="solid", mask=None, seed=0, text="a face", yaw=0, scribble=""):
    return client.predict(
        run, text, face() if mask is None else mask, scribble, seed, 3, yaw, 0, api_name="/generate"
    )


def picture(html: str) -> str:
    return re.search(r'src="(data:image/webp;base64,[^"]+)"', html)[1]


def test_it_answers_on_this_machine_alone(served):
    _, address, _, blocks = served
    assert address.startswith("http://127.0.0.1:") and not blocks.share_url


def test_a_face_its_parts_and_its_download(client):
    html, parts, packed, notice = ask(client, yaw=20)
    assert picture(html) and parts.count("<figure") == 5 and "step 3 of 3 (t = 300)" in notice
    with zipfile.ZipFile(packed) as file:
        assert {
            "face.png",
            "face-w_m.png",
            "attention.png",
            "depth.png",
            "mask.png",
            "mask.json",
            "manifest.jsonl",
        } == set(file.namelist())
    assert picture(html) != picture(ask(client, yaw=-20)[0]) != picture(ask(client, "flat")[0])


@pytest.mark.parametrize(
    "inputs, words",
    [
        (dict(mask=""), "The mask is empty; paint"),
        (dict(mask="file:///etc/passwd"), "PNG as data URI"),
        (dict(run="lines"), "The scribble is empty; draw"),
        (dict(seed=-3), "seed must be from 0 to 4294967295"),
        (dict(text="x" * 600), "at most 500"),
    ],
)
def test_mistakes_are_sentences_on_the_page(client, inputs, words):
    try:
        notice = ask(client, **inputs)[-1]
    except Exception as error:  # Gradio's own check of a control's limits
        notice = str(error)
    assert words in notice or "minimum" in notice and "seed" in inputs or "max_length" in notice, (
        notice
    )


def test_a_bug_is_a_sentence_and_leaves_the_picture(served, monkeypatch, capsys):
    page = served[0]
    monkeypatch.setattr(page.studio, "face", lambda wish: 1 / 0)
    *rest, notice = page.generate("solid", "", face(), "", 0, 3, 0, 0)
    assert "could not do this (ZeroDivisionError)" in notice and 'role="alert"' in notice
    assert (
        all(isinstance(value, dict) for value in rest)
        and "ZeroDivisionError" in capsys.readouterr().err
    )


def test_visitors_at_once_get_their_own_faces(client):
    seeds = [11, 12, 13, 11, 12, 13]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda seed: picture(ask(client, "flat", seed=seed)[0]), seeds))
    assert found[:3] == found[3:] and len(set(found)) == 3


def test_turning_waits_in_a_queue_of_its_own(served):
    events = served[3].fns.values()
    limits = {e.api_name or e.name: (e.concurrency_id, e.concurrency_limit) for e in events}
    assert limits["generate"] == ("denoise", 2) and limits["turn"] == ("draw", 4)


def test_nothing_outside_the_temporary_folder_is_served(served):
    _, address, secret, _ = served
    for path in (
        secret,
        "secret.txt",
        "/etc/passwd",
        secret.parent / "served" / ".." / "secret.txt",
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{address}gradio_api/file={path}", timeout=10)
        assert caught.value.code in (403, 404), path


def test_large_uploads_are_refused(served):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        + bytes(9 << 20)
        + b"\r\n--x--\r\n"
    )
    request = urllib.request.Request(
        f"{served[1]}gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)
    assert caught.value.code == 413


def test_the_page_asks_no_other_machine(served):
    html = urllib.request.urlopen(served[1], timeout=10).read().decode()
    loaded = re.findall(r'(?:src|href)="(https?://[^"]+)"', html)
    assert [url for url in loaded if not url.startswith(served[1])] == []


def test_a_taken_port_is_a_sentence(served):
    page = Page(served[0].models, served[2].parent)
    with pytest.raises(UsageError, match="choose another --port"):
        launch(layout.build(page), port=int(served[1].rstrip("/").rpartition(":")[2]))


@pytest.mark.parametrize(
    "more, words",
    [
        (["--host", "no.such.host.invalid"], "cannot be served at no.such.host.invalid:7860"),
        (["--host", "203.0.113.7"], "choose another --port or --host"),
        (["--port", "{taken}"], "choose another --port or --host"),
    ],
)
def test_an_address_is_checked_before_models_are_loaded(served, monkeypatch, capsys, more, words):
    from gantoolkit.cli import main
    from gantoolkit.demo import command, models

    taken = served[1].rstrip("/").rpartition(":")[2]
    monkeypatch.setattr(command, "forget_proxies", lambda: None)
    monkeypatch.setattr(models, "offered", None)  # nothing is looked for
    assert main.main(["demo", *(word.format(taken=taken) for word in more)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_a_film_goes_around_the_face_on_show(served):
    page = served[0]
    request, *_ = page.generate("solid", "a face", face(), "", 0, 3, 0, 0)
    film, _ = page.film(request)
    content = base64.b64decode(re.search(r'data:image/gif;base64,([^"]+)"', film)[1])
    assert Image.open(io.BytesIO(content)).n_frames == 24
    assert not list(page.folder.glob("film-*"))
    flat, *_ = page.generate("flat", "a face", face(), "", 0, 3, 0, 0)
    assert "draws flat pictures; choose a 3D run" in page.film(flat)[1]


def test_random_seeds_and_known_words(served):
    seeds = {served[0].random_seed() for _ in range(20)}
    assert len(seeds) == 20 and all(0 <= seed < 2**32 for seed in seeds)
    assert served[0].words("flat") == ""  # a stand-in without a list
    html = figures.words(["bald", "blond"])
    assert "2 words that the model knows" in html and "bald blond" in html


def test_controls_follow_the_run(served):
    page = served[0]
    mask, scribble, step, yaw, _, film, gallery, notice = page.choose("lines")
    assert (
        mask["visible"] == "hidden"
        and scribble["visible"] is True
        and not yaw["visible"]
        and not film["visible"]
        and not notice
    )
    assert step["maximum"] == 3 and len(gallery) == len(page.examples)


def test_the_palette_names_every_class():
    html = painter.palette()
    assert html.count("<button") == len(CLASSES) == 19
    some = ("left eye", "upper lip", "lower lip", "earring", "right ear", "hat")
    assert all(f"</i>{name}<" in html for name in some)


def test_without_gradio_one_sentence_says_what_to_type(monkeypatch, capsys):
    from gantoolkit.cli import main
    from gantoolkit.demo import command

    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert main.main(["demo", str(Path("runs"))]) == 2
    assert "pip install 'gantoolkit[demo]'" in capsys.readouterr().err
