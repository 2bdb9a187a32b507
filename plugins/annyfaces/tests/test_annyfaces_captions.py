"""Captions say what the attributes say."""
import json
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

from gantoolkit_annyfaces.attributes import describe
from gantoolkit_annyfaces.captions import COUNT, write_captions
from gantoolkit_annyfaces.factors import Factors, draw
from gantoolkit_annyfaces.traits import decide


def captioned(count=300):
    for i in range(count):
        f = Factors(draw(0, i, 0))
        a = describe(decide(f), f)
        yield a, write_captions(a, (0, i, 4, 0))


def test_ten_captions_consistent_with_attributes():
    for a, captions in captioned():
        text = ' '.join(captions)
        assert len(captions) == COUNT == 10 and all(c.endswith('.') and len(c) > 12 for c in captions)
        assert ('eyeglasses' in text) == (a['glasses'] == 'eyeglasses')
        assert ('sunglasses' in text) == (a['glasses'] == 'sunglasses')
        assert ('earrings' in text) == (a['earrings'] != 'none') and ('necklace' in text) == (a['necklace'] != 'none')
        assert ('smiling' in text) == a['smiling'] and ('lipstick' in text) == a['lipstick']
        assert ('beard' in text) == (a['beard'] == 'beard') and ('bangs' in text) <= a['fringe']
        assert not re.search(r'\bHe\b|\bman\b' if a['gender'] == 'female' else r'\bShe\b|\bwoman\b|\blady\b', text)


def test_captions_vary():
    counts = [len(set(captions)) for _, captions in captioned(60)]
    assert sum(counts) / len(counts) > 7


def test_domains_name_their_material_and_no_colour_of_stone():
    colours = r'\b(black|brown|blond|auburn|gray|white|red|orange|yellow|green|teal|blue|purple|pink|pale|fair|tanned)\b'
    said = {'marble': '', 'clay': '', 'toon': ''}
    for a, _ in captioned(40):
        for domain, name in (('marble', 'marble statue'), ('clay', 'clay statue'), ('toon', 'cartoon')):
            captions = write_captions(a, (3,), domain)
            assert len(captions) == COUNT and all(re.match(f'A {name} of an? [a-z ]+ with ', c) for c in captions)
            assert all(('eyeglasses' in c) == (a['glasses'] == 'eyeglasses') for c in captions[:3])
            said[domain] += ' '.join(captions)
    assert {domain: bool(re.search(colours, text)) for domain, text in said.items()} == {
        'marble': False, 'clay': False, 'toon': True}
    assert not re.search('  | a a|shadow|lipstick', said['marble'])


def test_captions_of_photos_are_those_of_the_embedded_data():
    """val.zip was rendered before there were captions of domains; the frozen pairs name its captions."""
    with zipfile.ZipFile(Path(find_spec('gantoolkit').origin).parent / 'zoo/data/val.zip') as file:
        lines = [json.loads(line) for line in file.read('samples.jsonl').decode().splitlines()]
    for line in lines[:100]:
        key = (0, line['identity'], 4, line['state'])
        assert write_captions(line['attributes'], key) == line['captions']
