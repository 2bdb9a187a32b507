"""Captions say what the attributes say."""
import re

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
