"""Phrases of captions in the manner of MM-CelebA-HQ: what a person has, wears and is."""

from __future__ import annotations

SKINS = {
    "very fair": "pale skin",
    "fair": "fair skin",
    "medium": "medium skin",
    "tan": "tanned skin",
    "brown": "brown skin",
    "dark": "dark skin",
}
PATTERNS = {"plain": "", "stripes": "striped ", "checks": "checked "}
GARMENTS = {"suit": "suit", "shirt": "shirt", "high": "turtleneck"}
LIGHTS = {
    "soft": "The light is soft.",
    "left": "The light comes from the left.",
    "right": "The light comes from the right.",
    "front": "The light comes from the front.",
}
CUTS = {"afro": "an afro", "buzz": "a buzz cut", "bob": "a bob", "pixie": "a pixie cut"}
BEARDS = {
    "stubble": "a 5 o'clock shadow",
    "mustache": "a mustache",
    "goatee": "a goatee",
    "beard": "a beard",
}
HATS = {"beanie": "a beanie", "cap": "a cap", "brimmed hat": "a brimmed hat"}
AGES = {"young": "young", "middle-aged": "middle-aged", "elderly": "old"}


def with_article(words):
    """Put 'a' or 'an' before a noun phrase: 'a suit', 'an elderly man'."""
    article = "an" if words[0] in "aeiou" else "a"
    return f"{article} {words}"


def joined(words):
    """Join phrases: 'a', 'a and b', 'a, b, and c'."""
    if len(words) == 1:
        return words[0]
    if len(words) == 2:
        return " and ".join(words)
    return ", ".join(words[:-1]) + ", and " + words[-1]


def hair_phrase(a):
    """Name the hair: 'long wavy blond hair', or '' for a bald head."""
    if a["bald"]:
        return ""
    length = a["hair_length"] if a["hair_length"] in ("long", "short", "very short") else ""
    texture = a["hair_texture"] if a["hair_texture"] != "none" else ""
    words = [word for word in (length, texture, a["hair_color"]) if word]
    return " ".join(words) + " hair"


def cut_phrases(a):
    """List what hair does beside its length and color."""
    phrases = []
    if a["fringe"]:
        phrases.append("bangs")
    if a["balding"] == "receding":
        phrases.append("a receding hairline")
    if a["hat"] == "none":
        if a["hair_style"] in ("bun", "ponytail"):
            phrases.append(f"a {a['hair_style']}")
        if a["hair_style"] in CUTS:
            phrases.append(CUTS[a["hair_style"]])
    return phrases


def has_phrases(a):
    """List the noun phrases that follow 'has', hair first."""
    phrases = ["a bald head" if a["bald"] else hair_phrase(a)]
    phrases += cut_phrases(a)
    if a["beard"] != "none":
        phrases.append(BEARDS[a["beard"]])
    if a["brows"] == "bushy":
        phrases.append("bushy eyebrows")
    if a["mouth_slightly_open"]:
        phrases.append("mouth slightly open")
    if a["rosy_cheeks"]:
        phrases.append("rosy cheeks")
    phrases.append(f"{a['eye_color']} eyes")
    if a["face_shape"] == "oval":
        phrases.append("an oval face")
    return phrases


def wear_phrases(a):
    """List the noun phrases that follow 'wears', clothes left out."""
    phrases = []
    if a["glasses"] != "none":
        phrases.append(a["glasses"])
    if a["hat"] != "none":
        phrases.append(HATS[a["hat"]])
    if a["earrings"] != "none":
        phrases.append("earrings")
    if a["necklace"] != "none":
        phrases.append("a necklace")
    if a["necktie"]:
        phrases.append("a necktie")
    if a["lipstick"]:
        phrases.append("lipstick")
    if a["heavy_makeup"]:
        phrases.append("heavy makeup")
    return phrases


def be_phrases(a):
    """List the adjectives that follow 'is'."""
    age = AGES[a["age_group"]]
    return ["smiling", age] if a["smiling"] else [age]


def garment_phrase(a):
    """Name the clothes: 'a dark blue striped shirt'."""
    pattern = PATTERNS[a["cloth_pattern"]] if a["collar"] != "suit" else ""
    garment = GARMENTS.get(a["collar"], "top")
    return with_article(f"{a['cloth_color']} {pattern}{garment}")


def scene_phrases(a):
    """Write one sentence about the background, and one about the light."""
    return [f"The background is {a['background_color']}.", LIGHTS[a["lighting"]]]


def pronoun(a):
    """Choose 'She' or 'He'."""
    return "She" if a["gender"] == "female" else "He"
