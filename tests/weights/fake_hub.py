"""A server on this machine that speaks as much of the Hub's API as huggingface_hub asks for.

Reading: api/models/ID, its revision and tree, resolve with ETag, X-Repo-Commit and ranges.
Writing: api/repos/create, preupload, commit. Errors carry the headers that the Hub sends.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from huggingface_hub import constants

TOKEN = "hf_" + "a" * 34  # the one token that is accepted
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Stored:
    """A repository."""

    files: dict[str, bytes] = field(default_factory=dict)
    licence: str = "openrail"
    gated: bool = False
    private: bool = False


class FakeHub(http.server.ThreadingHTTPServer):
    """Repositories by name, what was asked, and how many bytes a file is cut after."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Stored] = {}
        self.asked: list[tuple[str, str, str]] = []  # method, path, Range
        self.cuts: dict[str, int] = {}  # file → bytes after which its first answer ends
        self.broken = 0  # status of every answer, where it is not 0
        self.address = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take_the_place_of_the_hub(self, monkeypatch, folder) -> None:
        """Point huggingface_hub here, without a token and with empty caches in a folder."""
        template = self.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", self.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
        monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(folder / "tokens"))
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GANTOOLKIT_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("GANTOOLKIT_CACHE", str(folder / "cache"))

    def fetched(self) -> list[str]:
        """Names of the files whose content was asked for, each once, in sorted order."""
        parts = [path.partition("/resolve/")[2] for how, path, _ in self.asked if how == "GET"]
        return sorted({part.partition("/")[2] for part in parts if part})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def do_GET(self):
        self._begin()

    def do_HEAD(self):
        self._begin()

    def do_POST(self):
        self._begin()

    def _begin(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.path, self.query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self.server.asked.append((self.command, self.path, self.headers.get("Range") or ""))
        if self.server.broken:
            return self._say(self.server.broken, {"error": "broken"})
        authorization = self.headers.get("Authorization")
        if authorization not in (None, f"Bearer {TOKEN}"):
            message = "Invalid credentials in Authorization header"
            return self._say(401, {"error": message}, {"X-Error-Message": message})
        self.known = authorization is not None
        words = self.path.strip("/").split("/")
        if self.command == "POST":
            return self._write(words)
        if words[:2] == ["api", "models"]:
            return self._read_api("/".join(words[2:4]), words[4:])
        return self._resolve("/".join(words[:2]), "/".join(words[4:]))

    # -- reading ---------------------------------------------------------------------------------

    def _repository(self, name: str) -> Stored | None:
        stored = self.server.repositories.get(name)
        if stored is None or (stored.private and not self.known):
            status, code = (404, "RepoNotFound") if self.known else (401, "RepoNotFound")
            self._say(status, {"error": "Repository not found"}, {"X-Error-Code": code})
            return None
        return stored

    def _read_api(self, name: str, rest: list[str]):
        stored = self._repository(name)
        if stored is None:
            return None
        sizes = {path: len(content) for path, content in stored.files.items()}
        if rest[:1] == ["tree"]:
            entries = [
                {"type": "file", "path": path, "size": size, "oid": _etag(stored.files[path])}
                for path, size in sizes.items()
            ]
            return self._say(200, entries)
        blobs = "blobs" in self.query
        siblings = [
            {"rfilename": path} | ({"size": size} if blobs else {}) for path, size in sizes.items()
        ]
        info = {
            "id": name,
            "sha": COMMIT,
            "siblings": siblings,
            "gated": "manual" if stored.gated else False,
            "private": stored.private,
            "cardData": {"license": stored.licence},
            "tags": [],
        }
        return self._say(200, info)

    def _resolve(self, name: str, path: str):
        stored = self._repository(name)
        if stored is None:
            return None
        if stored.gated and not self.known:
            return self._say(401, {"error": "gated"}, {"X-Error-Code": "GatedRepo"})
        if path not in stored.files:
            return self._say(404, {"error": "none"}, {"X-Error-Code": "EntryNotFound"})
        content = stored.files[path]
        headers = {"ETag": f'"{_etag(content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        first = int(wanted.split("=")[1].rstrip("-")) if wanted else 0
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        body = content[first:]
        cut = self.server.cuts.pop(path, None) if self.command == "GET" else None
        return self._send(206 if first else 200, body[:cut], headers, len(body))

    # -- writing ---------------------------------------------------------------------------------

    def _write(self, words: list[str]):
        if words[:2] == ["api", "validate-yaml"]:
            return self._say(200, {"errors": [], "warnings": []})
        if words[:3] == ["api", "repos", "create"]:
            return self._create(json.loads(self.body))
        name, action = "/".join(words[2:4]), words[4]
        stored = self._repository(name)
        if stored is None:
            return None
        if action == "preupload":
            asked = json.loads(self.body)["files"]
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in asked
            ]
            return self._say(200, {"files": files})
        for line in self.body.splitlines():
            item = json.loads(line)
            if item["key"] == "file":
                value = item["value"]
                stored.files[value["path"]] = base64.b64decode(value["content"])
        done = {"commitUrl": f"{self.server.address}/{name}/commit/{COMMIT}", "commitOid": COMMIT}
        return self._say(200, done)

    def _create(self, asked: dict):
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] != "me":
            return self._say(403, {"error": "no rights"}, {"X-Error-Message": "no rights"})
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.server.repositories.setdefault(name, Stored(private=private))
        return self._say(200, {"url": f"{self.server.address}/{name}"})

    # -- answers ---------------------------------------------------------------------------------

    def _say(self, status: int, content, headers: dict | None = None):
        headers = {"Content-Type": "application/json", **(headers or {})}
        return self._send(status, json.dumps(content).encode(), headers)

    def _send(self, status: int, body: bytes, headers: dict, length: int | None = None):
        length = len(body) if length is None else length
        try:
            self.send_response(status)
            for key, value in {"Content-Length": str(length), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.close_connection = length != len(body)
        except OSError:
            pass  # the other side has hung up

    def log_message(self, *_):
        pass


def _etag(content: bytes) -> str:
    """A git blob's hash, as the Hub gives for small files."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
