"""Captions in everyday words: lists such as 'blonde woman, glasses, no hat', and plain sentences.

They say only what the attributes say; a thing that is not there ('no beard') may be named too.
"""

from __future__ import annotations

from gantoolkit_annyfaces.everyday_words import (
    GLASSES,
    HATS,
    STONE,
    hair_color,
    hair_words,
    missing_things,
    person,
    pick,
    shown_things,
    surrounding_things,
)
from gantoolkit_annyfaces.phrases import pronoun, with_article

TAGS = 4  # lists of words
SENTENCES = 4
OPENINGS = {"photo": "", "marble": "marble statue", "clay": "clay statue", "toon": "cartoon"}
COLORLESS = {"hair_color": "", "lipstick": False, "heavy_makeup": False}


def without_article(words):
    """Take 'a ' or 'an ' off a noun phrase."""
    for article in ("a ", "an "):
        if words.startswith(article):
            return words[len(article) :]
    return words


def listed(words):
    """Join phrases: 'a', 'a and b', 'a, b and c'."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def chosen(words, hand, most):
    """Choose from one to `most` of the words, in random order; none where there is none."""
    if not words:
        return []
    count = int(hand.integers(1, most + 1))
    return [words[i] for i in hand.permutation(len(words))[:count]]


def tags(a, hand, domain):
    """Write a list of a few short things without articles: 'woman, blonde hair, glasses'."""
    told = []
    if hand.random() < 0.85:
        told += chosen(shown_things(a, hand), hand, 3)
    if hand.random() < 0.6 or not told:
        told.append(hair_words(a, hand))
    if hand.random() < 0.3:
        told += chosen(missing_things(a, hand), hand, 2)
    if hand.random() < 0.35:
        told += chosen(surrounding_things(a, hand, domain), hand, 1)
    told = [turned(without_article(words), hand) for words in told]
    if hand.random() < 0.6:
        told.insert(0, tagged_person(a, hand))
    if OPENINGS[domain]:
        told.insert(0, OPENINGS[domain])
    return ", ".join(told)


def turned(words, hand):
    """Turn 'open mouth' into 'mouth open' every other time."""
    if words == "open mouth" and hand.random() < 0.5:
        return "mouth open"
    return words


def tagged_person(a, hand):
    """Name the person in a list: 'woman', now and then 'blonde woman'."""
    noun = person(a, hand)
    color = hair_color(a, hand)
    is_plain = noun in ("woman", "lady", "man", "guy")
    if color in ("blonde", "blond") and is_plain and hand.random() < 0.5:
        return f"{color} {noun}"
    return noun


def one_of(a, hand):
    """Begin a sentence about one person: 'She', 'This woman', 'The young man'."""
    noun = person(a, hand)
    return pick(hand, (pronoun(a), f"This {noun}", f"The {noun}"))


def plain_sentence(a, hand, domain):
    """Write one plain sentence, in one of five forms; of other domains than photo in the first."""
    shown = chosen(shown_things(a, hand), hand, 2)
    form = int(hand.integers(5))
    if form == 0 or domain != "photo":
        return with_sentence(a, hand, domain, shown)
    if form == 1:
        things = [hair_words(a, hand), *shown]
        return f"{one_of(a, hand)} has {listed(things)}."
    if form == 2:
        return worn_sentence(a, hand)
    if form == 3:
        return missing_sentence(a, hand, shown)
    return background_sentence(a, hand)


def with_sentence(a, hand, domain, shown):
    """Write 'A young woman with long blonde hair and glasses.'"""
    hair = hair_words(a, hand)
    things = list(shown)
    if hand.random() < 0.7 or not shown:
        things.insert(0, hair)
    opening = with_article(person(a, hand))
    if OPENINGS[domain]:
        opening = with_article(f"{OPENINGS[domain]} of {opening}")
    return f"{opening[0].upper()}{opening[1:]} with {listed(things)}."


def worn_sentence(a, hand):
    """Write 'She wears glasses and a red top.'"""
    worn = []
    if a["glasses"] != "none":
        worn.append(pick(hand, GLASSES[a["glasses"]]))
    if a["hat"] != "none":
        worn.append(pick(hand, HATS[a["hat"]]))
    if a["earrings"] != "none":
        worn.append("earrings")
    if a["necklace"] != "none":
        worn.append("a necklace")
    worn = chosen(worn, hand, 2)
    if not worn or hand.random() < 0.4:
        worn.append(surrounding_things(a, hand, "photo")[0])
    return f"{one_of(a, hand)} {pick(hand, ('wears', 'is wearing'))} {listed(worn)}."


def missing_sentence(a, hand, shown):
    """Write 'This man has a goatee, but no hat.'"""
    missing = [words for words in missing_things(a, hand) if words.startswith("no ")]
    told = shown[:1] or [hair_words(a, hand)]
    without = f", but {pick(hand, missing)}" if missing else ""
    return f"{one_of(a, hand)} has {listed(told)}{without}."


def background_sentence(a, hand):
    """Write 'A photo of a smiling woman with curly hair against a red background.'"""
    background = with_article(f"{a['background_color']} background")
    smiling = "smiling " if a["smiling"] and hand.random() < 0.6 else ""
    noun = with_article(smiling + person(a, hand))
    return f"A photo of {noun} with {hair_words(a, hand)} against {background}."


def everyday_captions(a, hand, domain):
    """Write `TAGS` lists of words and `SENTENCES` plain sentences of attributes `a`."""
    if domain in STONE:
        a = a | COLORLESS
        if a["beard"] == "stubble":
            a = a | {"beard": "none"}
    lists = [tags(a, hand, domain) for _ in range(TAGS)]
    sentences = [plain_sentence(a, hand, domain) for _ in range(SENTENCES)]
    return lists + sentences
