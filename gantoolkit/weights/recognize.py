"""What lies where weights should be: pointers, web pages, texts, and files that were cut off."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from gantoolkit.core import files
from gantoolkit.core.errors import WeightsError

HEAD = 4096  # bytes from which a file is recognized
LFS = b"version https://git-lfs.github.com/spec/"
MARKUP = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<!--", b"<error")
ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7-Zip",
    b"Rar!": "RAR",
    b"\x28\xb5\x2f\xfd": "zstd",
}
TEXT_BYTES = frozenset(range(32, 127)) | frozenset(b"\t\n\r")
AGAIN = "fetch it again"


def refuse_damaged(path: Path, is_text: bool = False) -> None:
    """Raise WeightsError, naming the file, where it is plainly not what its name says.

    is_text  whether text is expected (config.json, vocab.json) and only pointers and web pages
             are wrong
    """
    reason = describe_damage(path, is_text)
    if reason:
        raise WeightsError(f"{path} {reason}.")


def describe_damage(path: Path, is_text: bool = False) -> str:
    """Say what is wrong with a file, to be read after its name; "" where nothing is seen."""
    size = path.stat().st_size
    with open(path, "rb") as stream:
        head = stream.read(HEAD)
    if size == 0:
        return f"is empty; {AGAIN}"
    if head.startswith(LFS):
        return (
            f"is a Git LFS pointer{_pointed_size(head)}, not the file itself; type 'git lfs pull' "
            "in its folder, or download the file from its page"
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(MARKUP):
        return (
            "is a web page, not the file that was asked for; the download needs a browser or a "
            "login"
        )
    if not head.strip(b"\0") and size >= len(head) >= 64:
        return f"begins with zeros only, as a download that never finished does; {AGAIN}"
    if is_text:
        return ""
    return _describe_text(head) or _describe_archive(head) or _describe_cut(path, head, size)


def _pointed_size(head: bytes) -> str:
    """The size that a pointer states, in words."""
    for line in head.decode("latin1").splitlines():
        name, _, value = line.partition(" ")
        if name == "size" and value.strip().isdigit():
            return f" to {int(value):,} bytes"
    return ""


def _describe_text(head: bytes) -> str:
    """Recognize a text, such as the answer of a server ("Entry not found")."""
    if not TEXT_BYTES.issuperset(head):
        return ""
    begin = " ".join(head[:200].decode("ascii").split())[:40]
    return f"is a text, neither weights nor a checkpoint (it begins with '{begin}'); {AGAIN}"


def _describe_archive(head: bytes) -> str:
    for magic, name in ARCHIVES.items():
        if head.startswith(magic):
            return f"is a {name} archive; unpack it and give what is inside"
    if head[257:262] == b"ustar":
        return "is a tar archive; unpack it and give what is inside"
    return ""


def _describe_cut(path: Path, head: bytes, size: int) -> str:
    """Compare a file's size with what its own beginning says."""
    if head.startswith(b"PK\x03\x04") and not zipfile.is_zipfile(path):
        return f"is damaged or refused: its end is missing, as after a broken download; {AGAIN}"
    header_size = int.from_bytes(head[:8], "little")
    is_safetensors = head[8:9] == b"{" and head[9:10] in (b'"', b"}", b" ", b"\n")
    if not is_safetensors:
        return ""
    expected = safetensors_size(path, header_size) if header_size + 8 <= size else header_size + 8
    if size < expected:
        return f"is cut off: it has {size:,} of at least {expected:,} bytes; {AGAIN}"
    return ""


def safetensors_size(path: Path, header_size: int) -> int:
    """Return the bytes that a safetensors file must have by its header; 0 where it is not read."""
    with open(path, "rb") as stream:
        stream.seek(8)
        text = stream.read(header_size)
    try:
        tensors = json.loads(text)
        ends = [entry["data_offsets"][1] for name, entry in tensors.items() if name[:2] != "__"]
        return 8 + header_size + max(ends, default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return 0


def read_json(path: Path) -> dict:
    """Read an object of JSON, such as config.json, that belongs to weights.

    Raises WeightsError that names the file where it is missing, a pointer or web page, not JSON, or
    not an object.
    """
    if not path.is_file():
        raise WeightsError(f"{path} is missing; copy it from where the folder was published.")
    refuse_damaged(path, is_text=True)
    return files.read_json_object(path, WeightsError)
