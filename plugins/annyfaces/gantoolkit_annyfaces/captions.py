"""Captions of a sample: ten in the manner of MM-CelebA-HQ, then some in everyday words.

The ten are short sentences built from attributes. Beyond that data set's words they may say what no
mask says: skin tone, clothes, background and light.
"""

from __future__ import annotations

from gantoolkit_annyfaces import everyday
from gantoolkit_annyfaces.factors import stream
from gantoolkit_annyfaces.phrases import (
    GARMENTS,
    SKINS,
    be_phrases,
    garment_phrase,
    has_phrases,
    joined,
    pronoun,
    scene_phrases,
    wear_phrases,
    with_article,
)

SENTENCES = 10  # in the manner of MM-CelebA-HQ
FULL = 3  # of these name skin, all that is worn, background and light; they come first
COUNT = SENTENCES + everyday.TAGS + everyday.SENTENCES
OPENINGS = {"marble": "A marble statue", "clay": "A clay statue", "toon": "A cartoon"}
COLORLESS = {"hair_color": "", "rosy_cheeks": False, "lipstick": False, "heavy_makeup": False}
WOMEN = ["woman", "woman", "lady", "person"]
MEN = ["man", "man", "person"]
ADJECTIVES = {"young": "young ", "middle-aged": "", "elderly": "elderly "}


def subject(a, hand):
    """Name the person: 'This young woman', 'The man', 'This person', …"""
    noun = hand.choice(WOMEN if a["gender"] == "female" else MEN)
    age = ADJECTIVES[a["age_group"]] if hand.random() < 0.55 else ""
    return f"{hand.choice(['This', 'This', 'The'])} {age}{noun}"


def some(words, hand, most):
    """Choose from one to `most` of the words, in random order; none where there is none."""
    if not words:
        return []
    order = hand.permutation(len(words))
    count = max(1, int(hand.integers(1, most + 1)))
    return [words[i] for i in order[:count]]


def one_caption(a, hand, full):
    """Write one caption; `full` names skin, all that is worn, background and light."""
    has = has_phrases(a)
    if full or hand.random() < 0.7:
        chosen_has = [has[0], *some(has[1:], hand, 2)]
    else:
        chosen_has = some(has[1:] or has, hand, 3)
    if full or hand.random() < 0.3:
        chosen_has.append(SKINS[a["skin_tone"]])
    wears = wear_phrases(a)
    chosen_wear = list(wears) if full else some(wears, hand, 2)
    if full or hand.random() < 0.3:
        chosen_wear.append(garment_phrase(a))
    scene = ""
    for phrase in scene_phrases(a):
        if full or hand.random() < 0.25:
            scene += f" {phrase}"
    return about_face(a, hand, full, chosen_has, chosen_wear) + scene


def about_face(a, hand, full, chosen_has, chosen_wear):
    """Write the sentences about the person, in one of four forms."""
    she = pronoun(a)
    has = f"has {joined(chosen_has)}"
    wear = f"wears {joined(chosen_wear)}" if chosen_wear else ""
    smile = f"{she} is smiling." if a["smiling"] else ""
    form = int(hand.integers(4))
    if form == 0 or not wear:
        text = has_form(a, hand, has, wear, len(chosen_has) == 1)
    elif form == 1:
        text = f"{subject(a, hand)} {wear}. {she} {has}."
    elif form == 2:
        adjectives = be_phrases(a)
        adjective = adjectives[int(hand.integers(len(adjectives)))]
        person = hand.choice(["This person", "The person"])
        text = f"{person} is {adjective} and {has}. {she} {wear}."
        tells_smile = smile and adjective != "smiling" and full
        return f"{text} {smile}" if tells_smile else text
    else:
        text = f"{she} {wear}. {she} {has}."
    if smile and (full or hand.random() < 0.6):
        return f"{text} {smile}"
    return text


def has_form(a, hand, has, wear, is_short):
    """Write 'This woman has … and wears ….', or two sentences where much is told."""
    person = subject(a, hand)
    if not wear:
        return f"{person} {has}."
    if is_short:
        return f"{person} {has} and {wear}."
    return f"{person} {has}. {pronoun(a)} {wear}."


def domain_caption(a, hand, full, domain):
    """Write 'A marble statue of a woman with long hair. She wears a shirt. The light is soft.'

    Skin tone and background are left out, to stay near 64 tokens; of stone also all colors,
    make-up, stubble and patterns, which it does not show.
    """
    is_painted = domain == "toon"
    if not is_painted:
        a = a | COLORLESS
    has = has_phrases(a)
    if is_painted:
        garment = garment_phrase(a)
    else:
        has = [phrase for phrase in has if not phrase.endswith((" eyes", " shadow"))]
        garment = with_article(GARMENTS.get(a["collar"], "top"))
    wears = [*wear_phrases(a), garment]
    if not full:
        has = some(has, hand, 3)
        wears = some(wears, hand, 2)
    person = with_article(subject(a, hand).partition(" ")[2])
    said = [f"{OPENINGS[domain]} of {person} with {joined(has)}."]
    said.append(f"{pronoun(a)} wears {joined(wears)}.")
    if a["smiling"] and (full or hand.random() < 0.6):
        said.append(f"{pronoun(a)} is smiling.")
    if full or hand.random() < 0.25:
        said.append(scene_phrases(a)[1])
    return " ".join(said)


def write_captions(attributes, key, domain="photo"):
    """Write the captions of a sample: a list of `COUNT` strings.

    key (integers) seeds the wording. The first `FULL` name skin, all that is worn, background and
    light; after ten such there are lists of words and plain sentences (`everyday.py`). Captions of
    other domains than photo are those of `domain_caption`.
    """
    hand = stream(*key)
    captions = []
    for i in range(SENTENCES):
        if domain == "photo":
            captions.append(one_caption(attributes, hand, i < FULL))
        else:
            captions.append(domain_caption(attributes, hand, i < FULL, domain))
    return captions + everyday.everyday_captions(attributes, hand, domain)
