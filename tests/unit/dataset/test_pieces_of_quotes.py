"""Data is split at its quotes piece by piece; where the pieces end makes no difference."""

from __future__ import absolute_import, unicode_literals

import random

from datarobot_batch_scoring.dataset import grammar

SIGNS = ['"', '""', '\n', '\r\n', '\r', 'a', ' ', '\t', 'x1', '"a"', '\n\n', '5" ', '"q\n"',
         ',"', '",', ',', '","']


def random_csv(source):
    signs = source.sample(SIGNS, source.randint(4, len(SIGNS)))
    return ''.join(source.choice(signs) for _ in range(source.randint(0, 60))).encode('ascii')


def all_of(data):
    return [function(data, b',') for function in (
        grammar.outline_of, grammar.outside_of, grammar.mask)]


def test_small_pieces_give_what_one_gives(monkeypatch):
    whole = 0
    for seed in range(6000):
        source = random.Random(seed)
        data = random_csv(source)
        expected = all_of(data)
        whole += b'"' in data and expected[0] is not None
        with monkeypatch.context() as patched:
            patched.setattr(grammar, '_PIECE', source.randint(1, 20))
            assert all_of(data) == expected, data
    # In most of them a quote is text.
    assert whole > 300
