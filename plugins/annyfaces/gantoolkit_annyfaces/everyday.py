"""Captions in everyday words: lists such as 'blonde woman, glasses, no hat', and plain sentences.

They say only what the attributes say; a thing that is not there ('no beard') may be named too.
"""

from __future__ import annotations

TAGS = 4  # lists of words
SENTENCES = 4
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
GARMENTS = {"suit": ("suit",), "shirt": ("shirt",), "high": ("turtleneck",), "crew": ("top", "sweater")}
LIGHTS = {"soft": "soft light", "left": "light from the left", "right": "light from the right"}
OPENINGS = {"photo": "", "marble": "marble statue", "clay": "clay statue", "toon": "cartoon"}
STONE = ("marble", "clay")


def pick(hand, words):
    """Choose one of the words."""
    return words[int(hand.integers(len(words)))]


def with_article(words):
    """Put 'a' or 'an' before a noun phrase."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def without_article(words):
    """Take 'a ' or 'an ' off a noun phrase."""
    for article in ("a ", "an "):
        if words.startswith(article):
            return words[len(article) :]
    return words


def joined(words):
    """Write 'a, b and c'."""
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def person(a, hand):
    """Name the person: 'woman', 'old man', 'lady', 'young woman'."""
    noun = pick(hand, ("woman", "woman", "lady") if a["gender"] == "female" else ("man", "man", "guy"))
    ages = {"young": ("young ", "", ""), "middle-aged": ("middle-aged ", ""), "elderly": ("old ", "elderly ", "")}
    return pick(hand, ages[a["age_group"]]) + noun


def hair_color(a, hand):
    """Name the color of hair in everyday words, '' where none is told."""
    color = a["hair_color"]
    return pick(hand, HAIR_COLORS.get(color, (color,))) if color not in ("", "none") else ""


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
    return " ".join([*told, "hair"]) if told else "hair"


def shown_things(a, hand):
    """List what is there and may be called 'with …', the common hair and clothes apart."""
    rare = []
    if a["glasses"] != "none":
        rare.append(pick(hand, GLASSES[a["glasses"]]))
    if a["hat"] != "none":
        rare.append(pick(hand, HATS[a["hat"]]))
    if a["beard"] != "none":
        rare.append(pick(hand, BEARDS[a["beard"]]))
    if a["earrings"] != "none":
        rare.append(pick(hand, ("earrings", "earrings", f"{a['earrings']} earrings")))
    if a["necklace"] != "none":
        rare.append(pick(hand, ("a necklace", "a necklace", "a chain" if a["necklace"] == "chain" else "beads")))
    if a["fringe"]:
        rare.append(pick(hand, ("bangs", "a fringe")))
    if a["hair_style"] in STYLES and a["hat"] == "none":
        rare.append(pick(hand, STYLES[a["hair_style"]]))
    if a["balding"] != "none":
        rare.append("a receding hairline" if a["balding"] == "receding" else "a bald crown")
    if a["mouth_open"] > 0.15:
        rare.append("an open mouth")
    if a["smiling"]:
        rare.append(pick(hand, ("a smile", "a smile", "a smiling face")))
    if a["necktie"]:
        rare.append(pick(hand, ("a tie", "a necktie")))
    if a["heavy_makeup"]:
        rare.append(pick(hand, ("makeup", "make-up")))
    if a["lipstick"]:
        rare.append(pick(hand, ("lipstick", "painted lips")))
    if a["brows"] == "bushy":
        rare.append(pick(hand, ("bushy eyebrows", "thick eyebrows")))
    return rare


def missing_things(a, hand):
    """List what is not there: 'no glasses', 'no hat', for men 'no beard'."""
    out = []
    if a["glasses"] == "none":
        out.append("no glasses")
    if a["hat"] == "none":
        out.append(pick(hand, ("no hat", "bareheaded")))
    if a["beard"] == "none" and a["gender"] == "male":
        out.append(pick(hand, ("no beard", "no beard", "clean-shaven")))
    if a["earrings"] == "none" and a["gender"] == "female":
        out.append("no earrings")
    if not a["smiling"] and a["smile"] < 0.1:
        out.append(pick(hand, ("not smiling", "no smile", "serious")))
    if a["mouth_open"] < 0.02:
        out.append(pick(hand, ("closed mouth", "mouth closed")))
    return out


def around(a, hand, domain):
    """List clothes, skin, eyes, background and light, as far as the domain shows them."""
    garment = pick(hand, GARMENTS.get(a["collar"], ("top",)))
    if domain in STONE:
        return [with_article(garment)]
    pattern = {"stripes": "striped ", "checks": "checked "}.get(a["cloth_pattern"], "")
    if a["collar"] == "suit":
        pattern = ""
    out = [with_article(f"{a['cloth_color']} {pattern}{garment}"), f"{a['eye_color']} eyes"]
    if domain == "photo":
        out += [pick(hand, SKINS[a["skin_tone"]]), with_article(f"{a['background_color']} background")]
        out += [LIGHTS[a["lighting"]]] if a["lighting"] in LIGHTS else []
    return out


def chosen(words, hand, most):
    """Take up to `most` of the words in random order, at least one where there is any."""
    if not words:
        return []
    count = int(hand.integers(1, most + 1))
    return [words[i] for i in hand.permutation(len(words))[:count]]


def tags(a, hand, domain):
    """Write a list of one to five short things without articles: 'woman, blonde hair, glasses'."""
    told = chosen(shown_things(a, hand), hand, 3) if hand.random() < 0.85 else []
    if hand.random() < 0.6 or not told:
        told.append(hair_words(a, hand))
    if hand.random() < 0.3:
        told += chosen(missing_things(a, hand), hand, 2)
    if hand.random() < 0.35:
        told += chosen(around(a, hand, domain), hand, 1)
    told = [without_article(words) for words in told]
    told = ["mouth open" if words == "open mouth" and hand.random() < 0.5 else words for words in told]
    if hand.random() < 0.6:
        told.insert(0, tagged_person(a, hand))
    if OPENINGS[domain]:
        told.insert(0, OPENINGS[domain])
    return ", ".join(told)


def tagged_person(a, hand):
    """Name the person in a list: 'woman', now and then 'blonde woman'."""
    noun = person(a, hand)
    color = hair_color(a, hand)
    if color in ("blonde", "blond") and noun in ("woman", "lady", "man", "guy") and hand.random() < 0.5:
        return f"{color} {noun}"
    return noun


def one_of(a, hand):
    """Begin a sentence about one person: 'A woman', 'This man', 'She'."""
    she = "She" if a["gender"] == "female" else "He"
    noun = person(a, hand)
    return pick(hand, (she, f"This {noun}", f"The {noun}"))


def plain_sentence(a, hand, domain):
    """Write one plain sentence: 'A young woman with long blonde hair and glasses.'"""
    shown = chosen(shown_things(a, hand), hand, 2)
    form = int(hand.integers(5))
    if form == 0 or domain != "photo":
        things = [hair_words(a, hand)] * (hand.random() < 0.7 or not shown) + shown
        opening = with_article(person(a, hand))
        if OPENINGS[domain]:
            opening = with_article(f"{OPENINGS[domain]} of {opening}")
        return f"{opening[0].upper()}{opening[1:]} with {joined(things)}."
    if form == 1:
        things = [hair_words(a, hand)] + shown
        return f"{one_of(a, hand)} has {joined(things)}."
    if form == 2:
        return worn_sentence(a, hand)
    if form == 3:
        missing = [words for words in missing_things(a, hand) if words.startswith("no ")]
        told = shown[:1] or [hair_words(a, hand)]
        without = f", but {pick(hand, missing)}" if missing else ""
        return f"{one_of(a, hand)} has {joined(told)}{without}."
    background = with_article(f"{a['background_color']} background")
    smiling = "smiling " if a["smiling"] and hand.random() < 0.6 else ""
    noun = with_article(smiling + person(a, hand))
    return f"A photo of {noun} with {hair_words(a, hand)} against {background}."


def worn_sentence(a, hand):
    """Write what the person wears: 'She wears glasses and a red top.'"""
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
        worn.append(around(a, hand, "photo")[0])
    return f"{one_of(a, hand)} {pick(hand, ('wears', 'is wearing'))} {joined(worn)}."


def everyday_captions(a, hand, domain):
    """Write `TAGS` lists of words and `SENTENCES` plain sentences of attributes `a`."""
    if domain in STONE:
        a = a | {"hair_color": "", "lipstick": False, "heavy_makeup": False}
        a = a | ({"beard": "none"} if a["beard"] == "stubble" else {})
    lists = [tags(a, hand, domain) for _ in range(TAGS)]
    return lists + [plain_sentence(a, hand, domain) for _ in range(SENTENCES)]
