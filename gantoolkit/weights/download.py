"""`gantoolkit weights get`: published weights, resumed where a connection broke, checked.

A file grows as NAME.part beside its place and is renamed when its sha256 is right. A plugin that
answers the hook `resolve_weights` (a shared folder, an internal store) is asked before anything
is fetched.
"""

from __future__ import annotations

import http.client
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from argparse import Namespace
from pathlib import Path

from gantoolkit import __version__
from gantoolkit.core import files
from gantoolkit.core.errors import UsageError, WeightsError
from gantoolkit.core.suggest import did_you_mean
from gantoolkit.registry import manifest, plugins
from gantoolkit.weights.names import matches

TRIES = 5  # in a row without a single new byte
TIMEOUT = 30.0  # seconds without a byte before a connection counts as dead
MAX_PAUSE = 30.0  # seconds between tries
BLOCK = 1 << 18  # bytes
LARGEST = 64 << 30  # bytes, where registry.yaml states no size
RETRIED = (408, 429, 500, 502, 503, 504)  # HTTP status codes


def main(args: Namespace) -> None:
    """Fetch one entry of registry.yaml and say where it lies and what it is."""
    entry = entry_of(args.name)
    path = get(args.name, args.mirror, args.offline)
    page = f" ({entry['page']})" if "page" in entry else ""
    print(f"{args.name}: {path}")
    print(f"licence: {entry.get('licence', 'unknown')}{page}")
    if entry.get("use"):
        print(f"use: {entry['use']}")


def entry_of(name: str) -> dict:
    """Look up the entry of a name in registry.yaml."""
    known = manifest.load().weights
    if name not in known:
        raise UsageError(
            f"No weights named '{name}'{did_you_mean(name, known)}; "
            f"known: {', '.join(sorted(known))}."
        )
    return known[name]


def get(name: str, mirror: str | None = None, offline: str | None = None) -> Path:
    """Return the file of published weights; it is fetched if it is not there yet.

    mirror   address whose URL/FILE is fetched instead (default: $GANTOOLKIT_MIRROR)
    offline  folder that the file is copied from (default: $GANTOOLKIT_OFFLINE); nothing is fetched

    Raises WeightsError with what to do.
    """
    entry = entry_of(name)
    path = plugins.hooks().resolve_weights(name=name)
    if path is not None and Path(path).exists():
        return checked(Path(path), entry, name)

    target = manifest.load().file(entry)
    offline = offline or os.environ.get("GANTOOLKIT_OFFLINE")
    if offline:
        return copied(name, entry, Path(offline), target)
    mirror = mirror or os.environ.get("GANTOOLKIT_MIRROR")
    if mirror:
        url = f"{mirror.rstrip('/')}/{target.name}"
    elif "url" in entry:
        url = entry["url"]
    else:
        what = "save the file as" if target.suffix else "save its files in the folder"
        raise WeightsError(
            f"'{name}' has no address that a program can fetch; open "
            f"{entry.get('page', 'its page')}, {what} {target} and repeat."
        )
    return fetch(url, target, str(entry.get("sha256", "")), int(entry.get("bytes", 0)))


def checked(path: Path, entry: dict, name: str) -> Path:
    """Return `path`, if its content is what registry.yaml states."""
    if path.is_file() and not matches(path, entry):
        raise WeightsError(
            f"{path} is not the file that '{name}' names (its sha256 differs); "
            "delete it and repeat."
        )
    return path


def copied(name: str, entry: dict, folder: Path, target: Path) -> Path:
    """Copy the file from a folder that somebody filled elsewhere; nothing is fetched."""
    source = folder / target.name
    if not source.exists():
        address = entry.get("url", entry.get("page", "its page"))
        raise WeightsError(
            f"{folder} has no {target.name}, and nothing is fetched while offline; "
            f"copy it there from {address}."
        )
    checked(source, entry, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.copy")
    if source.is_dir():
        shutil.copytree(source, partial, copy_function=shutil.copyfile, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, partial)
    return partial.replace(target)


def fetch(
    url: str,
    target: Path,
    digest: str = "",
    size: int = 0,
    timeout: float = TIMEOUT,
    pause: float = 1.0,
) -> Path:
    """Download `url` to `target`.

    digest   sha256 or its first digits; "" where none is known
    size     bytes; 0 where unknown
    timeout  seconds without a byte
    pause    seconds before the second try, twice as many before the next
    """
    if not url.startswith(("https://", "http://")):
        raise WeightsError(f"{url} is not an address of the web (http or https).")
    partial = target.with_name(f"{target.name}.part")
    partial.parent.mkdir(parents=True, exist_ok=True)
    actual = ""
    # What was there before may be of another version: then once more from the beginning.
    for _ in range(2):
        complete(url, partial, size, timeout, pause)
        actual = files.sha256(partial)
        if actual.startswith(digest):
            return partial.replace(target)
        partial.unlink()
    raise WeightsError(
        f"{url} gives a file with the sha256 {actual[:16]}…, not {digest[:16]}…; it was "
        "damaged on the way or has changed; try another mirror with --mirror URL."
    )


def complete(url: str, partial: Path, size: int, timeout: float, pause: float) -> None:
    """Ask again and again, from the last byte that arrived, until nothing is missing."""
    failures = 0
    before = _size(partial)
    while True:
        try:
            if resume(url, partial, size, timeout):
                return
            reason = "the connection ended early"
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = _reason_to_retry(url, error)
        now = _size(partial)
        failures = 0 if now > before else failures + 1
        before = now
        if failures >= TRIES:
            raise WeightsError(
                f"{url} could not be fetched ({reason}); {now / 1e6:.1f} MB are kept and the next "
                "try goes on from there. Without a network: --offline DIR."
            )
        time.sleep(min(pause * 2**failures, MAX_PAUSE))


def _reason_to_retry(url: str, error: Exception) -> str:
    """Say why a try failed; an error that a further try would meet again is raised."""
    if isinstance(error, urllib.error.HTTPError):
        if error.code in RETRIED:
            return f"the server answers {error.code}"
        raise WeightsError(
            f"{url} answers {error.code} {error.reason}; the file may have moved, see "
            "'gantoolkit show NAME' for its page."
        ) from None
    is_local = isinstance(error, OSError) and error.filename
    if is_local and not isinstance(error, urllib.error.URLError):
        raise error
    return str(getattr(error, "reason", None) or error or type(error).__name__)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def resume(url: str, partial: Path, size: int, timeout: float) -> bool:
    """Fetch what is missing over one connection; returns whether the file is complete."""
    have = _size(partial)
    if size and have == size:
        return True
    if size and have > size:
        partial.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": f"gantoolkit/{__version__}"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # range not satisfiable: there is nothing beyond what we have
            raise
        total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
        if total == str(have):
            return True
        partial.unlink()
        return False
    with answer:
        return _receive(answer, partial, have, size)


def _receive(answer: http.client.HTTPResponse, partial: Path, have: int, size: int) -> bool:
    """Write an answer behind the `have` bytes that are there.

    Returns whether the file is complete.
    """
    content_range = answer.headers.get("Content-Range") or ""
    continues = answer.status == 206 and content_range.startswith(f"bytes {have}-")
    if not continues:
        have = 0
    length = answer.headers.get("Content-Length") or ""
    total = have + int(length) if length.isdigit() and int(length) else 0
    if size and total and total != size:
        raise WeightsError(
            f"{answer.url} has {total:,} bytes where {size:,} are expected; it is another file."
        )
    if answer.headers.get_content_type() == "text/html":
        raise WeightsError(
            f"{answer.url} is a web page, not a file; fetch it with a browser and use "
            "--offline DIR."
        )
    expected = size or total
    limit = expected or LARGEST
    with open(partial, "ab" if continues else "wb") as file:
        while have <= limit and (block := answer.read1(BLOCK)):
            file.write(block)
            have += len(block)
            show_progress(partial.stem, have, expected)
    if have > limit:
        partial.unlink()
        raise WeightsError(f"{answer.url} sends more than the {limit:,} bytes that are expected.")
    return not expected or have == expected


def show_progress(name: str, have: int, total: int) -> None:
    """Rewrite one line on a terminal."""
    if not sys.stderr.isatty():
        return
    text = f"{name}: {have / 1e6:.1f} MB"
    if total:
        text = f"{name}: {have / 1e6:.1f} of {total / 1e6:.0f} MB ({100 * have / total:.0f} %)"
    end = "\n" if total and have >= total else ""
    print(f"\r{text}", end=end, file=sys.stderr, flush=True)
