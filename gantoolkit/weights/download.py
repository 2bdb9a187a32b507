"""`gantoolkit weights get`: published weights by their address, resumed where a connection breaks, checked by sha256.

A file grows as NAME.part beside its place and is renamed when its sha256 is right. A plugin that answers the hook
`resolve_weights` (a shared folder, an internal store) is asked before anything is fetched.
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
BLOCK = 1 << 18  # bytes
LARGEST = 64 << 30  # bytes, where registry.yaml states no size


def main(args: Namespace) -> None:
    """Fetch one entry of registry.yaml and say where it lies and what it is."""
    entry = entry_of(args.name)
    path = get(args.name, args.mirror, args.offline)
    print(
        f"{args.name}: {path}\nlicence: {entry.get('licence', 'unknown')}"
        + (f" ({entry['page']})" if "page" in entry else "")
    )
    if entry.get("use"):
        print(f"use: {entry['use']}")


def entry_of(name: str) -> dict:
    """The entry of a name in registry.yaml."""
    known = manifest.load().weights
    if name not in known:
        raise UsageError(
            f"No weights named '{name}'{did_you_mean(name, known)}; known: {', '.join(sorted(known))}."
        )
    return known[name]


def get(name: str, mirror: str | None = None, offline: str | None = None) -> Path:
    """The file of published weights, fetched if it is not there yet. Raises WeightsError with what to do."""
    entry = entry_of(name)
    path = plugins.hooks().resolve_weights(name=name)
    if path is not None and Path(path).exists():
        return checked(Path(path), entry, name)
    target = manifest.load().file(entry)
    if offline or os.environ.get("GANTOOLKIT_OFFLINE"):
        return copied(name, entry, Path(offline or os.environ["GANTOOLKIT_OFFLINE"]), target)
    mirror = mirror or os.environ.get("GANTOOLKIT_MIRROR")
    if "url" not in entry and not mirror:
        what = "save the file as" if target.suffix else "save its files in the folder"
        raise WeightsError(
            f"'{name}' has no address that a program can fetch; open {entry.get('page', 'its page')}, "
            f"{what} {target} and repeat."
        )
    url = f"{mirror.rstrip('/')}/{target.name}" if mirror else entry["url"]
    return fetch(url, target, str(entry.get("sha256", "")), int(entry.get("bytes", 0)))


def checked(path: Path, entry: dict, name: str) -> Path:
    """`path`, if its content is what registry.yaml states."""
    if path.is_file() and not matches(path, entry):
        raise WeightsError(
            f"{path} is not the file that '{name}' names (its sha256 differs); delete it and repeat."
        )
    return path


def copied(name: str, entry: dict, folder: Path, target: Path) -> Path:
    """The file from a folder that somebody filled elsewhere; nothing is fetched."""
    source = folder / target.name
    if not source.exists():
        raise WeightsError(
            f"{folder} has no {target.name}, and nothing is fetched while offline; copy it there from "
            f"{entry.get('url', entry.get('page', 'its page'))}."
        )
    checked(source, entry, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.copy")
    if source.is_dir():
        shutil.copytree(source, part, copy_function=shutil.copyfile, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, part)
    return part.replace(target)


def fetch(
    url: str,
    target: Path,
    digest: str = "",
    size: int = 0,
    timeout: float = TIMEOUT,
    pause: float = 1.0,
) -> Path:
    """Bring `url` to `target`. digest: sha256 or its beginning, "" where none is known; size: bytes, 0 unknown."""
    if not url.startswith(("https://", "http://")):
        raise WeightsError(f"{url} is not an address of the web (http or https).")
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    for again in (True, False):
        complete(url, part, size, timeout, pause)
        found = files.sha256(part)
        if found.startswith(digest):
            return part.replace(target)
        part.unlink()  # resumed from another version perhaps: once more from the beginning
        if not again:
            raise WeightsError(
                f"{url} gives a file with the sha256 {found[:16]}…, not {digest[:16]}…; it was "
                "damaged on the way or has changed; try another mirror with --mirror URL."
            )
    raise AssertionError


def complete(url: str, part: Path, size: int, timeout: float, pause: float) -> None:
    """Ask again and again, from the last byte that arrived, until nothing is missing."""
    failures, had = 0, part.stat().st_size if part.exists() else 0
    while True:
        try:
            if resume(url, part, size, timeout):
                return
            reason = "the connection ended early"
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429, 500, 502, 503, 504):
                raise WeightsError(
                    f"{url} answers {error.code} {error.reason}; the file may have moved, see "
                    "'gantoolkit show NAME' for its page."
                ) from None
            reason = f"the server answers {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if (
                isinstance(error, OSError)
                and error.filename
                and not isinstance(error, urllib.error.URLError)
            ):
                raise
            reason = f"{getattr(error, 'reason', None) or error or type(error).__name__}"
        have = part.stat().st_size if part.exists() else 0
        failures, had = (0, have) if have > had else (failures + 1, had)
        if failures >= TRIES:
            raise WeightsError(
                f"{url} could not be fetched ({reason}); {have / 1e6:.1f} MB are kept and the next try "
                "goes on from there. Without a network: --offline DIR."
            )
        time.sleep(min(pause * 2**failures, 30))


def resume(url: str, part: Path, size: int, timeout: float) -> bool:
    """One connection; whether the file is complete at its end."""
    have = part.stat().st_size if part.exists() else 0
    if size and have >= size:
        if have == size:
            return True
        part.unlink()
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
        part.unlink()
        return False
    with answer:
        return _receive(answer, part, have, size)


def _receive(answer, part: Path, have: int, size: int) -> bool:
    continues = answer.status == 206 and (answer.headers.get("Content-Range") or "").startswith(
        f"bytes {have}-"
    )
    have = have if continues else 0
    length = answer.headers.get("Content-Length")
    total = have + int(length) if length and length.isdigit() else 0
    if size and total and total != size:
        raise WeightsError(
            f"{answer.url} has {total:,} bytes where {size:,} are expected; it is another file."
        )
    if answer.headers.get_content_type() == "text/html":
        raise WeightsError(
            f"{answer.url} is a web page, not a file; fetch it with a browser and use --offline DIR."
        )
    limit = size or total or LARGEST
    with open(part, "ab" if continues else "wb") as file:
        while have <= limit and (block := answer.read1(BLOCK)):
            file.write(block)
            have += len(block)
            show_progress(part.stem, have, size or total)
    if have > limit:
        part.unlink()
        raise WeightsError(f"{answer.url} sends more than the {limit:,} bytes that are expected.")
    return have == (size or total) if size or total else True


def show_progress(name: str, have: int, total: int) -> None:
    """One line on a terminal, rewritten."""
    if sys.stderr.isatty():
        share = f" of {total / 1e6:.0f} MB ({100 * have / total:.0f} %)" if total else " MB"
        end = "\n" if total and have >= total else ""
        print(f"\r{name}: {have / 1e6:.1f}{share}", end=end, file=sys.stderr, flush=True)
