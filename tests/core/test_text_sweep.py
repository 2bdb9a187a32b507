"""Texts, JSON, .jsonl and configs of strangers by the hundred, made from seeds."""

from __future__ import annotations

import codecs
import json
import random

import pytest
from sweeping import Made, sweep

from gantoolkit.config import loader
from gantoolkit.core import files

WORDS = ["She wears a hat", "José smiles", "她老了", "Größe – “alt”", "عجوز", "🙂", "x"]
MARKS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
}
SEEDS = range(12)
pytestmark = pytest.mark.slow


def encoded(text: str, coding: str) -> bytes:
    return MARKS[coding] + text.encode(coding)


def saver(content: bytes):
    return lambda path: path.write_bytes(content)


def texts(rng: random.Random):
    lines = rng.choices(WORDS, k=rng.randint(1, 6))
    right = "\n".join(lines) + "\n"
    for coding in MARKS:
        end = rng.choice(["\n", "\r\n", "\r"])
        content = encoded(right.replace("\n", end), coding)
        yield Made(f"text in {coding}", saver(content), files.read_text, right)
    line = rng.randint(1, len(lines))
    broken = [one.encode() for one in lines]
    for name, bad in (("cp1252", b"Gr\xf6\xdfe"), ("NUL", b"old\0"), ("half", b"\xe5\xa5")):
        content = b"\n".join([*broken[: line - 1], bad, *broken[line:]]) + b"\n"
        yield Made(f"{name} in text", saver(content), files.read_text, line=line)


def some_json(rng: random.Random, depth: int = 0):
    kinds = [rng.choice(WORDS), rng.randint(-9, 9), rng.random(), None, True]
    if depth < 3 and rng.random() < 0.6:
        return {word: some_json(rng, depth + 1) for word in rng.sample(WORDS, rng.randint(0, 4))}
    return rng.choice(kinds)


def json_files(rng: random.Random):
    right = {"a": some_json(rng), "b": [some_json(rng) for _ in range(rng.randint(0, 3))]}
    text = json.dumps(right, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1]))
    for coding in MARKS:
        content = encoded(text, coding)
        yield Made(f"JSON in {coding}", saver(content), files.read_json_object, right)
    cut = text[: rng.randint(1, len(text) - 1)]
    for name, bad in (("cut", cut), ("a list", "[1]"), ("empty", ""), ("a page", "<html>")):
        yield Made(f"JSON, {name}", saver(bad.encode()), files.read_json_object)


def json_lines(rng: random.Random):
    right = [{"n": n, "x": some_json(rng)} for n in range(rng.randint(2, 7))]
    lines = [json.dumps(one, ensure_ascii=False) for one in right]
    spaced = rng.choice(["\n", "\n\n", "\r\n"]).join(lines)
    for coding in ("utf-8", "utf-8-sig", "utf-16-le"):
        content = encoded(spaced, coding)
        yield Made(f".jsonl in {coding}", saver(content), files.read_json_lines, right)
    torn = "\n".join(lines).encode()[: -rng.randint(1, 3)]

    def read_log(path):
        return files.read_json_lines(path, torn_end=True)

    yield Made("torn log", saver(torn), read_log, right[:-1])
    yield Made("torn file", saver(torn), files.read_json_lines, line=len(lines))
    line = rng.randint(1, len(lines) - 1)
    lines[line - 1] = lines[line - 1][:-1]
    broken = "\n".join(lines).encode()
    yield Made("broken in the middle", saver(broken), read_log, line=line)


def configs(rng: random.Random):
    values = {"task": "gan", "seed": rng.randint(0, 99), "note": rng.choice(WORDS[:4])}
    source = "".join(f"{key} = {value!r}\n" for key, value in values.items())

    def read(path):
        return {key: loader.execute(path, key) for key in values}

    for coding in ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"):
        yield Made(f"config in {coding}", saver(encoded(source, coding)), read, values)
    said = f"# -*- coding: gbk -*-\nnote = '{WORDS[2]}'\n".encode("gbk")
    yield Made("coding line", saver(said), lambda path: loader.execute(path, "note"), WORDS[2])
    unsaid = source.encode() + "note = 'Größe'\n".encode("latin-1")
    yield Made("Latin-1 unsaid", saver(unsaid), lambda path: loader.execute(path, "note"), line=4)


@pytest.mark.parametrize(
    "family, row",
    [(texts, "texts"), (json_files, "`.json`"), (json_lines, "`.jsonl`"), (configs, "configs")],
)
def test_right_or_refused(family, row, tmp_path):
    inputs = [made for seed in SEEDS for made in family(random.Random(seed))]
    sweep(inputs, tmp_path, row)
