"""Captions of a sample: ten in the manner of MM-CelebA-HQ, built from attributes, then some in everyday words.

Beyond that data set's words they may say what no mask says: skin tone, clothes, background and light.
"""
from __future__ import annotations

from gantoolkit_annyfaces import everyday
from gantoolkit_annyfaces.factors import stream

SENTENCES = 10                                # in the manner of MM-CelebA-HQ
COUNT = SENTENCES + everyday.TAGS + everyday.SENTENCES
SKINS = {'very fair': 'pale skin', 'fair': 'fair skin', 'medium': 'medium skin', 'tan': 'tanned skin',
         'brown': 'brown skin', 'dark': 'dark skin'}
PATTERNS = {'plain': '', 'stripes': 'striped ', 'checks': 'checked '}
GARMENTS = {'suit': 'suit', 'shirt': 'shirt', 'high': 'turtleneck'}
LIGHTS = {'soft': 'The light is soft.', 'left': 'The light comes from the left.',
          'right': 'The light comes from the right.', 'front': 'The light comes from the front.'}
CUTS = {'afro': 'an afro', 'buzz': 'a buzz cut', 'bob': 'a bob', 'pixie': 'a pixie cut'}
OPENINGS = {'marble': 'A marble statue', 'clay': 'A clay statue', 'toon': 'A cartoon'}
COLOURLESS = {'hair_color': '', 'rosy_cheeks': False, 'lipstick': False, 'heavy_makeup': False}


def hair_phrase(a):
    """'long wavy blond hair' or '' for a bald head."""
    if a['bald']:
        return ''
    words = [a['hair_length'] if a['hair_length'] in ('long', 'short', 'very short') else '',
             a['hair_texture'] if a['hair_texture'] != 'none' else '', a['hair_color']]
    return ' '.join(w for w in words if w) + ' hair'


def has_phrases(a):
    """Noun phrases that follow 'has'."""
    out = [hair_phrase(a)] if not a['bald'] else ['a bald head']
    if a['fringe']:
        out.append('bangs')
    if a['balding'] == 'receding':
        out.append('a receding hairline')
    if a['hair_style'] in ('bun', 'ponytail') and a['hat'] == 'none':
        out.append(f"a {a['hair_style']}")
    if a['hair_style'] in CUTS and a['hat'] == 'none':
        out.append(CUTS[a['hair_style']])
    if a['beard'] != 'none':
        out.append({'stubble': "a 5 o'clock shadow", 'mustache': 'a mustache', 'goatee': 'a goatee',
                    'beard': 'a beard'}[a['beard']])
    if a['brows'] == 'bushy':
        out.append('bushy eyebrows')
    if a['mouth_slightly_open']:
        out.append('mouth slightly open')
    if a['rosy_cheeks']:
        out.append('rosy cheeks')
    out.append(f"{a['eye_color']} eyes")
    if a['face_shape'] == 'oval':
        out.append('an oval face')
    return out


def wear_phrases(a):
    """Noun phrases that follow 'wears'."""
    out = [a['glasses']] if a['glasses'] != 'none' else []
    if a['hat'] != 'none':
        out.append({'beanie': 'a beanie', 'cap': 'a cap', 'brimmed hat': 'a brimmed hat'}[a['hat']])
    out += (['earrings'] * (a['earrings'] != 'none') + ['a necklace'] * (a['necklace'] != 'none')
            + ['a necktie'] * a['necktie'])
    return out + ['lipstick'] * a['lipstick'] + ['heavy makeup'] * a['heavy_makeup']


def with_article(words):
    """'a suit', 'an elderly man'."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def garment_phrase(a):
    """'a dark blue striped shirt'."""
    pattern = PATTERNS[a['cloth_pattern']] if a['collar'] != 'suit' else ''
    words = f"{a['cloth_color']} {pattern}{GARMENTS.get(a['collar'], 'top')}"
    return with_article(words)


def scene_phrases(a):
    """Sentences about what surrounds the face."""
    return [f"The background is {a['background_color']}.", LIGHTS[a['lighting']]]


def be_phrases(a):
    """Adjectives that follow 'is'."""
    out = ['smiling'] if a['smiling'] else []
    return out + {'young': ['young'], 'middle-aged': ['middle-aged'], 'elderly': ['old']}[a['age_group']]


def joined(words):
    """'a, b, and c'."""
    return (words[0] if len(words) == 1 else ' and '.join(words) if len(words) == 2
            else ', '.join(words[:-1]) + ', and ' + words[-1])


def subject(a, hand):
    """'This young woman', 'The man', 'This person', …"""
    noun = hand.choice(['woman', 'woman', 'lady', 'person'] if a['gender'] == 'female' else ['man', 'man', 'person'])
    age = {'young': 'young ', 'middle-aged': '', 'elderly': 'elderly '}[a['age_group']] if hand.random() < .55 else ''
    return f"{hand.choice(['This', 'This', 'The'])} {age}{noun}"


def some(words, hand, most):
    """Up to `most` of the words, in random order."""
    return [words[i] for i in hand.permutation(len(words))[:max(1, int(hand.integers(1, most + 1)))]] if words else []


def one_caption(a, hand, full):
    """One caption; `full` names skin, all that is worn, background and light."""
    has, wears, is_ = has_phrases(a), wear_phrases(a), be_phrases(a)
    chosen_has = [has[0]] + some(has[1:], hand, 2) if full or hand.random() < .7 else some(has[1:] or has, hand, 3)
    chosen_has += [SKINS[a['skin_tone']]] * (full or hand.random() < .3)
    chosen_wear = wears if full else some(wears, hand, 2)
    chosen_wear = chosen_wear + [garment_phrase(a)] * (full or hand.random() < .3)
    scene = ''.join(f' {phrase}' for phrase in scene_phrases(a) if full or hand.random() < .25)
    return about_face(a, hand, full, chosen_has, chosen_wear, is_) + scene


def about_face(a, hand, full, chosen_has, chosen_wear, is_):
    """The sentences about the person, in one of four forms."""
    she = 'She' if a['gender'] == 'female' else 'He'
    wear = f"wears {joined(chosen_wear)}" if chosen_wear else ''
    smile = f"{she} is smiling." if 'smiling' in is_ else ''
    form = int(hand.integers(4))
    if form == 0 or not wear:
        tail = f' and {wear}' if wear and len(chosen_has) == 1 else ''
        rest = f" {she} {wear}." if wear and not tail else ''
        text = f"{subject(a, hand)} has {joined(chosen_has)}{tail}.{rest}"
    elif form == 1:
        text = f"{subject(a, hand)} {wear}. {she} has {joined(chosen_has)}."
    elif form == 2:
        adjective = is_[int(hand.integers(len(is_)))]
        article = hand.choice(['This person', 'The person'])
        text = f"{article} is {adjective} and has {joined(chosen_has)}. {she} {wear}."
        return text + (f' {smile}' if smile and adjective != 'smiling' and full else '')
    else:
        text = f"{she} {wear}. {she} has {joined(chosen_has)}."
    return f'{text} {smile}' if smile and (full or hand.random() < .6) else text


def domain_caption(a, hand, full, domain):
    """'A marble statue of a young woman with long hair and bangs. She wears a shirt. The light is soft.'

    Skin tone and background are left out, to stay near 64 tokens; of stone also all colours, make-up, stubble and
    patterns, which it does not show.
    """
    painted = domain == 'toon'
    a = a if painted else a | COLOURLESS
    has = [phrase for phrase in has_phrases(a) if painted or not phrase.endswith((' eyes', ' shadow'))]
    wears = [*wear_phrases(a), garment_phrase(a) if painted else with_article(GARMENTS.get(a['collar'], 'top'))]
    if not full:
        has, wears = some(has, hand, 3), some(wears, hand, 2)
    she = 'She' if a['gender'] == 'female' else 'He'
    person = with_article(subject(a, hand).partition(' ')[2])
    said = [f'{OPENINGS[domain]} of {person} with {joined(has)}.', f'{she} wears {joined(wears)}.']
    said += [f'{she} is smiling.'] * (a['smiling'] and (full or hand.random() < .6))
    return ' '.join(said + scene_phrases(a)[1:] * (full or hand.random() < .25))


def write_captions(attributes, key, domain='photo'):
    """Captions (list of `COUNT` str); `key` seeds the wording. Of another domain than photo: `domain_caption`.

    The first three name skin, all that is worn, background and light; after ten such there are lists of words and
    plain sentences (`everyday.py`).
    """
    hand = stream(*key)
    if domain != 'photo':
        captions = [domain_caption(attributes, hand, i < 3, domain) for i in range(SENTENCES)]
    else:
        captions = [one_caption(attributes, hand, full=i < 3) for i in range(SENTENCES)]
    return captions + everyday.everyday_captions(attributes, hand, domain)
