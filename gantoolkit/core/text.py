"""Text from files of other people: decoded right, or refused with the file and the line.

UTF-8 with or without a byte order mark, and UTF-16 or UTF-32 with one, are read. Other encodings
are refused, since a wrong guess gives wrong words without a sign.
"""

from __future__ import annotations

import codecs
import io
import json
import re
import tokenize
import unicodedata
from typing import Any

from gantoolkit.core.errors import DataError

MARKS = (  # byte order mark → encoding; that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SAVE_AS_UTF8 = "save the file as UTF-8"
UNUSABLE = re.compile("[\x00\ufffd\ud800-\udfff]")  # characters that no prompt may hold


def decode_text(data: bytes, name: str, error_class: type[Exception] = DataError) -> str:
    """Decode the bytes of a text file; line ends become a line feed.

    name  of the file in the error

    Raises `error_class`, which names the line, for other encodings and for NUL characters.

    >>> decode_text(b"\\xef\\xbb\\xbfold\\r\\n", "a.txt")
    'old\\n'
    """
    encoding = "utf-8"
    for mark, of_mark in MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], of_mark
            break
    return _decode(data, encoding, name, error_class)


def decode_source(data: bytes, name: str, error_class: type[Exception] = DataError) -> str:
    """Decode Python source: as `decode_text`, or in the encoding of its coding line (PEP 263)."""
    if any(data.startswith(mark) for mark, _ in MARKS):
        return decode_text(data, name, error_class)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if "unknown encoding" in str(error):
            raise error_class(f"{name}, line 1 or 2: {error}; {SAVE_AS_UTF8}.") from None
        return decode_text(data, name, error_class)  # no coding line, and not UTF-8
    return _decode(data, encoding, name, error_class)


def _decode(data: bytes, encoding: str, name: str, error_class: type[Exception]) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = _line_at(data[: error.start].decode(encoding, "replace"))
        found = f"byte 0x{data[error.start]:02x} is not {encoding.upper()}"
        raise error_class(f"{name}, line {line}: {found}; {SAVE_AS_UTF8}.") from None
    except (LookupError, UnicodeError) as error:  # codecs that are no encodings of text
        problem = f"it cannot be read as {encoding.upper()} ({error})"
        raise error_class(f"{name}, line 1: {problem}; {SAVE_AS_UTF8}.") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = _line_at(text[: text.index("\0")])
        raise error_class(
            f"{name}, line {line}: it holds a NUL character, as UTF-16 without its mark or a "
            f"damaged file; {SAVE_AS_UTF8}."
        )
    return text


def _line_at(text_before: str) -> int:
    """Return the number of the line in which the text ends."""
    return 1 + len(re.findall("\r\n|\r|\n", text_before))


def parse_json(data: bytes, name: str, error_class: type[Exception] = DataError) -> Any:
    """Parse the bytes of a JSON file; `error_class` names the line that is wrong.

    >>> parse_json(b'{"seed": 1}', "a.json")
    {'seed': 1}
    """
    return _loads(decode_text(data, name, error_class), name, 1, error_class)


def parse_json_lines(
    data: bytes, name: str, torn_end: bool = False, error_class: type[Exception] = DataError
) -> list[dict]:
    """Parse a .jsonl file: an object per line, blank lines aside.

    torn_end  drop a last line that is not whole, as a killed run leaves it where it appends
    """
    if torn_end:
        data = _without_torn_end(data)
    objects = []
    for number, line in enumerate(decode_text(data, name, error_class).split("\n"), 1):
        if not line.strip():
            continue
        value = _loads(line, name, number, error_class)
        if not isinstance(value, dict):
            raise error_class(
                f"{name}, line {number}: it is a {type(value).__name__} instead of a JSON object; "
                "mend or restore the file."
            )
        objects.append(value)
    return objects


def _without_torn_end(data: bytes) -> bytes:
    """Cut off the last line where it is not a JSON object, be it inside of a character."""
    whole, newline, last = data.rstrip(b"\r\n \t").rpartition(b"\n")
    try:
        if isinstance(json.loads(last), dict):
            return data
    except (ValueError, RecursionError):
        pass
    return whole + newline


def _loads(text: str, name: str, first_line: int, error_class: type[Exception]) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        problem = f"{name}, line {line}: it is not JSON ({error.msg}, column {error.colno})"
    except (ValueError, RecursionError) as error:  # numbers of 5,000 digits, thousands of brackets
        problem = f"{name}: it is not usable JSON ({error})"
    raise error_class(f"{problem}; mend or restore the file.") from None


def find_text_problem(text: str) -> str:
    """Say which character makes a prompt unusable, or "".

    >>> find_text_problem("She\\ufffds old")
    'a replacement character (U+FFFD), the trace of a text that was decoded wrongly'
    """
    found = UNUSABLE.search(text)
    if not found:
        return ""
    if found[0] == "\0":
        return "a NUL character"
    if found[0] == "\ufffd":
        return "a replacement character (U+FFFD), the trace of a text that was decoded wrongly"
    return f"a lone surrogate (U+{ord(found[0]):04X}), half of a character or not UTF-8"


def check_text(text: str, where: str, error_class: type[Exception] = DataError) -> str:
    """Return a prompt as it is; `error_class` if it holds a character that none may hold."""
    if problem := find_text_problem(text):
        raise error_class(f"{where} holds {problem}; write it again as UTF-8.")
    return text


def normal_name(name: str) -> str:
    """Return the composed form (NFC) of a file's name, which other systems may have taken apart.

    >>> normal_name("Jose\\u0301") == "Jos\\u00e9"
    True
    """
    return unicodedata.normalize("NFC", name)


def check_names(names, where: str) -> None:
    """Refuse names of files that are not UTF-8: they could not be written anywhere."""
    for name in names:
        if re.search("[\ud800-\udfff]", str(name)):
            shown = str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise DataError(
                f"{where} holds the file name '{shown}', which is not UTF-8; rename it, for "
                "instance with `convmv -f latin1 -t utf8 --notest`."
            )
