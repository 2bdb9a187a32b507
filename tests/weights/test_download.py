"""`weights get` against a server on this machine that cuts, stalls, corrupts, refuses and lies."""

from __future__ import annotations

import hashlib
import http.server
import threading
import time
from pathlib import Path

import pytest

from gantoolkit import weights
from gantoolkit.cli import main
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.registry import manifest, plugins
from gantoolkit.weights import download, http_file

CONTENT = bytes(range(256)) * 800  # 204,800 bytes
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Answers by `plan`, one behaviour per request, the last for all further ones."""

    plan: list[str] = ["good"]
    seen: list[str | None] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        wanted = self.headers.get("Range")
        Server.seen.append(wanted)
        how = Server.plan.pop(0) if len(Server.plan) > 1 else Server.plan[0]
        if how.isdigit():
            return self.reply(int(how), b"no", {})
        if how == "page":
            return self.reply(200, b"<html>log in</html>", {"Content-Type": "text/html"})
        first = int(wanted.split("=")[1].rstrip("-")) if wanted and how != "no ranges" else 0
        if first >= len(CONTENT):
            return self.reply(416, b"", {"Content-Range": f"bytes */{len(CONTENT)}"})
        body = CONTENT[first:]
        if how == "corrupt":
            body = bytes([body[0] ^ 1]) + body[1:]
        if how == "longer":
            body += b"x"
        more = (
            {"Content-Range": f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"} if first else {}
        )
        sent = {"cut": body[:70_000], "stall": body[:50_000]}.get(how, body)
        self.reply(206 if first else 200, sent, more, len(body), how == "stall")

    def reply(self, status, body, headers, length=None, stall=False):
        try:
            self.send_response(status)
            for key, value in {
                "Content-Length": str(len(body) if length is None else length),
                **headers,
            }.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if stall:
                time.sleep(1.5)
            self.close_connection = length is not None and length != len(body)
        except OSError:
            pass  # the other side has hung up

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def bring(address, tmp_path):
    """Fetch by a plan; the content that arrived, and the ranges that were asked for."""

    def run(*plan, digest=DIGEST, size=0):
        Server.plan, Server.seen = list(plan), []
        path = http_file.fetch(
            f"{address}/w.pt", tmp_path / "w.pt", digest, size, timeout=0.4, pause=0.01
        )
        return path.read_bytes(), Server.seen

    return run


def test_whole(bring, tmp_path):
    content, seen = bring("good")
    assert (
        content == CONTENT and seen == [None] and [p.name for p in tmp_path.iterdir()] == ["w.pt"]
    )


@pytest.mark.parametrize(
    "plan, ranges",
    [
        (["cut", "good"], [None, "bytes=70000-"]),
        (["cut", "cut", "good"], [None, "bytes=70000-", "bytes=140000-"]),
        (["stall", "good"], [None, "bytes=50000-"]),
        (["503", "429", "good"], [None, None, None]),
        (["cut", "503", "good"], [None, "bytes=70000-", "bytes=70000-"]),
        (["cut", "no ranges"], [None, "bytes=70000-"]),
    ],
    ids=str,
)
def test_broken_connections_are_resumed(bring, plan, ranges):
    content, seen = bring(*plan)
    assert content == CONTENT and seen == ranges


def test_a_later_command_goes_on(bring, tmp_path):
    (tmp_path / "w.pt.part").write_bytes(CONTENT[:123_456])
    content, seen = bring("good")
    assert content == CONTENT and seen == ["bytes=123456-"]
    (tmp_path / "w.pt.part").write_bytes(CONTENT)
    assert bring("good")[1] == [f"bytes={len(CONTENT)}-"]


def test_a_part_of_another_version_is_thrown_away(bring, tmp_path):
    (tmp_path / "w.pt.part").write_bytes(b"other" * 100)
    content, seen = bring("good")
    assert content == CONTENT and seen == ["bytes=500-", None]
    (tmp_path / "w.pt.part").write_bytes(bytes(len(CONTENT) + 9))
    assert bring("good", size=len(CONTENT))[0] == CONTENT


def test_corruption_on_the_way_is_repaired_once(bring):
    content, seen = bring("corrupt", "good")
    assert content == CONTENT and seen == [None, None]


@pytest.mark.parametrize(
    "plan, more, words",
    [
        (["corrupt"], {}, "sha256"),
        (["404"], {}, "answers 404"),
        (["page"], {}, "web page"),
        (["503"], {}, "could not be fetched"),
        (["good"], dict(size=7), "another file"),
        (["longer"], dict(size=len(CONTENT)), "another file"),
        (["good"], dict(digest="00ff00ff"), "sha256"),
    ],
    ids=str,
)
def test_what_cannot_be_mended_is_a_sentence(bring, tmp_path, plan, more, words):
    with pytest.raises(WeightsError, match=words) as caught:
        bring(*plan, **more)
    assert "\n" not in str(caught.value) and not (tmp_path / "w.pt").exists()


def test_nobody_listens(tmp_path):
    with pytest.raises(WeightsError, match="could not be fetched"):
        http_file.fetch("http://127.0.0.1:9/w.pt", tmp_path / "w.pt", timeout=0.2, pause=0.0)
    with pytest.raises(WeightsError, match="http or https"):
        http_file.fetch(f"file://{tmp_path}/w.pt", tmp_path / "v.pt")


@pytest.fixture
def listed(address, tmp_path, monkeypatch):
    """An entry `far` of registry.yaml, and a cache of its own."""
    monkeypatch.setenv("GANTOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GANTOOLKIT_OFFLINE", raising=False)
    entry = dict(
        url=f"{address}/x/far.pt",
        page="https://example.org",
        sha256=DIGEST[:12],
        licence="mine",
        owner=manifest.GROUP,
        summary="s",
    )
    monkeypatch.setitem(manifest.load().weights, "far", entry)
    Server.plan, Server.seen = ["good"], []
    return entry


def test_get_verify_and_resolve(listed, capsys):
    with pytest.raises(WeightsError, match="gantoolkit weights get far"):
        weights.resolve("far")
    assert main.main(["weights", "verify", "far"]) == 1
    assert main.main(["weights", "get", "far"]) == 0
    path = weights.resolve("far")
    assert path.read_bytes() == CONTENT and "licence: mine" in capsys.readouterr().out
    assert main.main(["weights", "verify", "far"]) == 0
    assert main.main(["weights", "get", "far"]) == 0 and len(Server.seen) == 1, "fetched once"
    path.write_bytes(CONTENT + b"!")
    assert (
        main.main(["weights", "verify", "far"]) == 1 and main.main(["weights", "get", "far"]) == 1
    )
    assert (
        main.main(["weights", "get", "fer"]) == 2 and main.main(["weights", "verify", "fer"]) == 2
    )


def test_mirror(listed, address, monkeypatch):
    listed["url"] = "http://127.0.0.1:9/far.pt"
    assert download.get("far", mirror=f"{address}/mirror/").read_bytes() == CONTENT


def test_offline_folder(listed, tmp_path, monkeypatch):
    folder = tmp_path / "disk"
    folder.mkdir()
    with pytest.raises(WeightsError, match="nothing is fetched while offline"):
        download.get("far", offline=str(folder))
    (folder / "far.pt").write_bytes(CONTENT)
    assert download.get("far", offline=str(folder)).read_bytes() == CONTENT and not Server.seen
    (tmp_path / "cache/downloads/far.pt").unlink()
    monkeypatch.setenv("GANTOOLKIT_OFFLINE", str(folder))
    assert weights.resolve("far") == folder / "far.pt" == download.get("far")


def test_offline_folders_of_diffusers(listed, tmp_path):
    del listed["url"], listed["sha256"]
    listed["save_as"] = "model"
    with pytest.raises(WeightsError, match="save its files in the folder"):
        download.get("far")
    (tmp_path / "disk/model/unet").mkdir(parents=True)
    (tmp_path / "disk/model/unet/config.json").write_text("{}")
    assert (
        download.get("far", offline=str(tmp_path / "disk")) / "unet/config.json"
    ).read_text() == "{}"


def test_no_address_names_the_page(listed):
    del listed["url"]
    listed["save_as"] = "far.pt"
    with pytest.raises(WeightsError, match="open https://example.org, save the file as"):
        download.get("far")
    with pytest.raises(UsageError, match="did you mean"):
        download.get("farr")


def test_a_plugin_is_asked_before_anything_is_fetched(listed, tmp_path):
    (tmp_path / "internal.pt").write_bytes(CONTENT)

    class Store:
        @plugins.hookimpl
        def resolve_weights(self, name):
            return tmp_path / "internal.pt" if name == "far" else None

    store = Store()
    plugins.manager().register(store)
    try:
        assert download.get("far") == Path(tmp_path / "internal.pt") and not Server.seen
    finally:
        plugins.manager().unregister(store)
