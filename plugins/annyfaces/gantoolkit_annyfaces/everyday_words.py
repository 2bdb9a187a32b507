"""Everyday words for attributes, with synonyms that take turns."""

from __future__ import annotations

from gantoolkit_annyfaces.phrases import PATTERNS, with_article

# A word that stands twice is chosen twice as often.
HAIR_COLORS = {
    "blond": ("blonde", "blond", "blonde"),
    "red": ("red", "ginger"),
    "auburn": ("auburn", "reddish brown"),
    "gray": ("gray", "grey"),
    "dark brown": ("dark brown", "dark", "brown"),
    "black": ("black", "black", "dark"),
}
STYLES = {
    "afro": ("an afro", "an afro"),
    "buzz": ("a buzz cut", "a buzz cut"),
    "bob": ("a bob", "a bob haircut"),
    "pixie": ("a pixie cut", "a pixie cut"),
    "bun": ("a bun", "a bun"),
    "ponytail": ("a ponytail", "a ponytail"),
    "side part": ("a side parting", "a side part"),
    "swept back": ("slicked back hair", "hair combed back"),
}
GLASSES = {
    "eyeglasses": ("glasses", "glasses", "eyeglasses", "spectacles"),
    "sunglasses": ("sunglasses", "sunglasses", "dark glasses"),
}
HATS = {
    "beanie": ("a beanie", "a hat", "a knitted hat"),
    "cap": ("a cap", "a baseball cap", "a hat"),
    "brimmed hat": ("a hat", "a hat", "a brimmed hat"),
}
BEARDS = {
    "beard": ("a beard", "a beard", "a full beard"),
    "goatee": ("a goatee", "a goatee", "a small beard"),
    "mustache": ("a mustache", "a moustache"),
    "stubble": ("stubble", "a five o'clock shadow", "a stubbly chin"),
}
SKINS = {
    "very fair": ("pale skin", "very fair skin"),
    "fair": ("fair skin", "light skin"),
    "medium": ("medium skin",),
    "tan": ("tanned skin", "tan skin"),
    "brown": ("brown skin",),
    "dark": ("dark skin",),
}
GARMENTS = {
    "suit": ("suit",),
    "shirt": ("shirt",),
    "high": ("turtleneck",),
    "crew": ("top", "sweater"),
}
LIGHTS = {"soft": "soft light", "left": "light from the left", "right": "light from the right"}
AGES = {
    "young": ("young ", "", ""),
    "middle-aged": ("middle-aged ", ""),
    "elderly": ("old ", "elderly ", ""),
}
STONE = ("marble", "clay")  # domains that show no colors


def pick(hand, words):
    """Choose one of the words."""
    return words[int(hand.integers(len(words)))]


def person(a, hand):
    """Name the person: 'woman', 'old man', 'lady', 'young woman'."""
    nouns = ("woman", "woman", "lady") if a["gender"] == "female" else ("man", "man", "guy")
    noun = pick(hand, nouns)
    return pick(hand, AGES[a["age_group"]]) + noun


def hair_color(a, hand):
    """Name the color of hair, '' where none is told."""
    color = a["hair_color"]
    if color in ("", "none"):
        return ""
    return pick(hand, HAIR_COLORS.get(color, (color,)))


def hair_words(a, hand):
    """Name the hair: 'long blonde hair', 'curly hair', or baldness."""
    if a["bald"]:
        return pick(hand, ("a bald head", "no hair"))
    length = a["hair_length"] if a["hair_length"] in ("long", "short", "very short") else ""
    texture = a["hair_texture"] if a["hair_texture"] != "none" else ""
    color = hair_color(a, hand)
    told = [word for word in (length, texture, color) if word]
    if len(told) > 1 and hand.random() < 0.5:
        told = [pick(hand, told)]
    return " ".join([*told, "hair"])


def worn_things(a, hand):
    """List glasses, hat, beard and jewels."""
    things = []
    if a["glasses"] != "none":
        things.append(pick(hand, GLASSES[a["glasses"]]))
    if a["hat"] != "none":
        things.append(pick(hand, HATS[a["hat"]]))
    if a["beard"] != "none":
        things.append(pick(hand, BEARDS[a["beard"]]))
    if a["earrings"] != "none":
        kind = f"{a['earrings']} earrings"
        things.append(pick(hand, ("earrings", "earrings", kind)))
    if a["necklace"] != "none":
        kind = "a chain" if a["necklace"] == "chain" else "beads"
        things.append(pick(hand, ("a necklace", "a necklace", kind)))
    return things


def hair_things(a, hand):
    """List what hair does beside its length and color."""
    things = []
    if a["fringe"]:
        things.append(pick(hand, ("bangs", "a fringe")))
    if a["hair_style"] in STYLES and a["hat"] == "none":
        things.append(pick(hand, STYLES[a["hair_style"]]))
    if a["balding"] == "receding":
        things.append("a receding hairline")
    elif a["balding"] != "none":
        things.append("a bald crown")
    return things


def face_things(a, hand):
    """List expression, tie, make-up and heavy brows."""
    things = []
    if a["mouth_open"] > 0.15:
        things.append("an open mouth")
    if a["smiling"]:
        things.append(pick(hand, ("a smile", "a smile", "a smiling face")))
    if a["necktie"]:
        things.append(pick(hand, ("a tie", "a necktie")))
    if a["heavy_makeup"]:
        things.append(pick(hand, ("makeup", "make-up")))
    if a["lipstick"]:
        things.append(pick(hand, ("lipstick", "painted lips")))
    if a["brows"] == "bushy":
        things.append(pick(hand, ("bushy eyebrows", "thick eyebrows")))
    return things


def shown_things(a, hand):
    """List what is there and may be called 'with …', common hair and clothes left out."""
    return worn_things(a, hand) + hair_things(a, hand) + face_things(a, hand)


def missing_things(a, hand):
    """List what is not there: 'no glasses', 'no hat', of men 'no beard'."""
    things = []
    if a["glasses"] == "none":
        things.append("no glasses")
    if a["hat"] == "none":
        things.append(pick(hand, ("no hat", "bareheaded")))
    if a["beard"] == "none" and a["gender"] == "male":
        things.append(pick(hand, ("no beard", "no beard", "clean-shaven")))
    if a["earrings"] == "none" and a["gender"] == "female":
        things.append("no earrings")
    if not a["smiling"] and a["smile"] < 0.1:
        things.append(pick(hand, ("not smiling", "no smile", "serious")))
    if a["mouth_open"] < 0.02:
        things.append(pick(hand, ("closed mouth", "mouth closed")))
    return things


def surrounding_things(a, hand, domain):
    """List clothes, eyes, skin, background and light, as far as the domain shows them."""
    garment = pick(hand, GARMENTS.get(a["collar"], ("top",)))
    if domain in STONE:
        return [with_article(garment)]
    pattern = PATTERNS[a["cloth_pattern"]] if a["collar"] != "suit" else ""
    things = [with_article(f"{a['cloth_color']} {pattern}{garment}"), f"{a['eye_color']} eyes"]
    if domain == "photo":
        things.append(pick(hand, SKINS[a["skin_tone"]]))
        things.append(with_article(f"{a['background_color']} background"))
        if a["lighting"] in LIGHTS:
            things.append(LIGHTS[a["lighting"]])
    return things
