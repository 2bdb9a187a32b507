"""`python -m gantoolkit_annyfaces.marginals`: how often attributes occur, as a table in Markdown.

Beside CelebA, and with rare things more often.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from gantoolkit.core.errors import GantoolkitError
from gantoolkit.report import marked_tables

ODDS = (1.0, 1.5, 2.0)  # of rare things (`--rare`), a column each
START = "<!-- marginals: start -->"
END = "<!-- marginals: end -->"
# Attribute, its share of CelebA's 202,599 pictures in per cent (list_attr_celeba.txt), and what it
# is called here.
CELEBA = (
    ("Male", 41.7, lambda a: a["gender"] == "male"),
    ("Young", 77.4, lambda a: a["age_group"] == "young"),
    ("Smiling", 48.2, lambda a: a["smiling"]),
    ("Mouth_Slightly_Open", 48.3, lambda a: a["mouth_slightly_open"]),
    ("Wearing_Lipstick", 47.2, lambda a: a["lipstick"]),
    ("Heavy_Makeup", 38.7, lambda a: a["heavy_makeup"]),
    ("Rosy_Cheeks", 6.6, lambda a: a["rosy_cheeks"]),
    ("Pale_Skin", 4.3, lambda a: a["skin_tone"] == "very fair"),
    ("Black_Hair", 23.9, lambda a: a["hair_color"] == "black"),
    ("Brown_Hair", 20.5, lambda a: a["hair_color"] in ("brown", "auburn")),
    ("Blond_Hair", 14.8, lambda a: a["hair_color"] == "blond"),
    ("Gray_Hair", 4.2, lambda a: a["hair_color"] in ("gray", "white")),
    (
        "Straight_Hair",
        20.8,
        lambda a: a["hair_texture"] == "straight" and a["hair_length"] in ("medium", "long"),
    ),
    ("Wavy_Hair", 32.0, lambda a: a["hair_texture"] in ("wavy", "curly")),
    ("Bangs", 15.2, lambda a: a["fringe"]),
    ("Bald", 2.2, lambda a: a["bald"]),
    ("Receding_Hairline", 8.0, lambda a: a["balding"] != "none"),
    ("No_Beard", 83.5, lambda a: a["beard"] == "none"),
    ("5_o_Clock_Shadow", 11.1, lambda a: a["beard"] == "stubble"),
    ("Goatee", 6.3, lambda a: a["beard"] == "goatee"),
    ("Mustache", 4.2, lambda a: a["beard"] == "mustache"),
    ("Bushy_Eyebrows", 14.2, lambda a: a["brows"] == "bushy"),
    ("Oval_Face", 28.4, lambda a: a["face_shape"] == "oval"),
    ("Eyeglasses", 6.5, lambda a: a["glasses"] != "none"),
    ("Wearing_Hat", 4.8, lambda a: a["hat"] != "none"),
    ("Wearing_Earrings", 18.9, lambda a: a["earrings"] != "none"),
    ("Wearing_Necklace", 12.3, lambda a: a["necklace"] != "none"),
    ("Wearing_Necktie", 7.3, lambda a: a["necktie"]),
)
# Further shares, for the columns of `--rare`.
OWN = (
    ("a full beard", lambda a: a["beard"] == "beard"),
    ("sunglasses", lambda a: a["glasses"] == "sunglasses"),
    ("mouth open", lambda a: a["mouth_open"] > 0.15),
    ("bun or ponytail", lambda a: a["hair_style"] in ("bun", "ponytail")),
    ("afro", lambda a: a["hair_style"] == "afro"),
    ("pink or blue hair", lambda a: a["hair_color"] in ("pink", "blue")),
    (
        "background of a hue",
        lambda a: a["background_color"].split()[-1] not in ("black", "gray", "white"),
    ),
)
# (attribute, given whom, CelebA in per cent, gender)
GIVEN = (
    ("Young", "men", 64, "male"),
    ("Young", "women", 87, "female"),
    ("Eyeglasses", "men", 13, "male"),
    ("Eyeglasses", "women", 2, "female"),
)


def drawn(count, seed=0, rare=1.0):
    """Yield the attributes of `count` people without rendering them; `rare` as in `rare.py`."""
    from gantoolkit_annyfaces.attributes import describe
    from gantoolkit_annyfaces.factors import Factors
    from gantoolkit_annyfaces.rare import draw_state
    from gantoolkit_annyfaces.traits import decide

    for identity in range(count):
        f = Factors(draw_state(seed, identity, 0, rare))
        yield describe(decide(f), f)


def share(test, rows):
    """Compute the percentage of attribute dictionaries that pass a test."""
    passed = sum(bool(test(row)) for row in rows)
    return 100 * passed / max(len(rows), 1)


def table_line(name, theirs, test, columns):
    """Write one line of the table; `columns` are lists of attribute dictionaries."""
    shares = " | ".join(f"{share(test, rows):.1f}" for rows in columns)
    return f"| {name} | {theirs} | {shares} |"


def table(columns):
    """Write a Markdown table over lists of attribute dictionaries, one list for each of `ODDS`."""
    rare_heads = [f"`--rare {odds:g}` %" for odds in ODDS[1:]]
    heads = " | ".join(["annyfaces %", *rare_heads])
    lines = [f"| attribute | CelebA % | {heads} |", "|---" * (2 + len(ODDS)) + "|"]
    for name, theirs, test in CELEBA:
        lines.append(table_line(name, f"{theirs:.1f}", test, columns))
    for name, test in OWN:
        lines.append(table_line(name, "", test, columns))
    tests = {name: test for name, _, test in CELEBA}
    for name, given, theirs, gender in GIVEN:
        some = [[row for row in rows if row["gender"] == gender] for rows in columns]
        lines.append(table_line(f"{name}, {given}", f"about {theirs}", tests[name], some))
    return "\n".join(lines)


def main(argv=None):
    """Print the table, or put it between the marks of a Markdown file; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gantoolkit_annyfaces.marginals", description=__doc__
    )
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--into", help="Markdown file with the two marks")
    args = parser.parse_args(argv)
    text = table([list(drawn(args.count, rare=odds)) for odds in ODDS])
    if not args.into:
        print(text)
        return 0
    told = f"{args.count} draws of seed 0.\n\n{text}"
    try:
        marked_tables.renew(pathlib.Path(args.into), START, END, told)
    except GantoolkitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
