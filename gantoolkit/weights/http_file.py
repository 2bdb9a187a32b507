"""A file of any server, resumed where a connection broke, and checked.

It grows as NAME.part beside its place and is renamed when its sha256 is right.
"""

from __future__ import annotations

import http.client
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from gantoolkit import __version__
from gantoolkit.core import files
from gantoolkit.core.errors import WeightsError

TRIES = 5  # in a row without a single new byte
TIMEOUT = 30.0  # seconds without a byte before a connection counts as dead
MAX_PAUSE = 30.0  # seconds between tries
BLOCK = 1 << 18  # bytes
LARGEST = 64 << 30  # bytes, where registry.yaml states no size
RETRIED = (408, 429, 500, 502, 503, 504)  # HTTP status codes


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
