# -*- coding: utf-8 -*-
"""Makes the sample of the demo: invented flats to let, and what became of them."""

from __future__ import absolute_import, division, unicode_literals

import math
import random

ROWS = 400
SEED = 1816

NUMBERS = ['area_m2', 'rooms', 'floor', 'year_built', 'distance_km']
CATEGORIES = ['city', 'heating', 'furnished']
TARGETS = ['monthly_rent', 'let_in_a_week', 'energy_class']
COLUMNS = (['listing_id', 'city', 'area_m2', 'rooms', 'floor', 'year_built',
            'distance_km', 'heating', 'furnished', 'description'] + TARGETS)

# How much more or less a flat in that city costs a month than elsewhere.
CITIES = [('Zürich', 620), ('København', 380), ('München', 340),
          ('Malmö', 60), ('Québec', 10), ('Málaga', -90), ('Kraków', -240),
          ('Łódź', -330)]
# How far the heating moves a house towards a better energy class.
HEATINGS = [('heat pump', 1.6), ('district', 0.5),
            ('gas', -0.6), ('oil', -1.7)]
DESCRIPTIONS = [
    'Bright, quiet, close to the river',
    'Top floor with a view over the harbour',
    'Newly painted; the "old" kitchen stays',
    'Two minutes to the tram, ten to the lake',
    'Large balcony, small kitchen',
    'No lift, sorry.\nBut what a view!',
    'Café downstairs, bakery next door',
    'Ground floor\nGarden shared with one neighbour\nPets welcome',
    'Pipes renewed, 3/4" throughout',
    'Façade and roof restored — très calme',
    '']


def make_sample():
    """All rows of the sample, the header first: lists of text.

    The same on every Python, so only `Random.random` is used: the other
    methods changed between versions.
    """
    draw = random.Random(SEED).random
    return [COLUMNS] + [_flat(draw, number) for number in range(1, ROWS + 1)]


def _flat(draw, number):
    city, premium = _pick(draw, CITIES)
    heating, warmth = _pick(draw, HEATINGS)
    furnished = draw() < 0.3
    rooms = 1 + int(draw() * draw() * 6)
    area = 14 + rooms * (14 + 9 * draw()) + 10 * draw()
    floor = int(draw() * 7)
    year = 1890 + int(133 * math.sqrt(draw()))
    distance = 0.3 + 14 * draw() * draw()

    rent = (210 + 11.5 * area + premium + 95 * furnished - 17 * distance +
            0.9 * (year - 1970) + 70 * _noise(draw))
    wish = (1.1 - 0.35 * distance + 1.1 * furnished - 0.17 * floor +
            0.02 * (area - 60) + 0.6 * _noise(draw))
    thrift = (year - 1975) / 18 + warmth + 0.6 * _noise(draw)
    cells = {
        'listing_id': 'F{0:04d}'.format(number),
        'city': city,
        'area_m2': '{0:.1f}'.format(area),
        'rooms': '{0}'.format(rooms),
        'floor': '{0}'.format(floor),
        'year_built': '{0}'.format(year),
        'distance_km': '{0:.2f}'.format(distance),
        'heating': heating,
        'furnished': 'yes' if furnished else 'no',
        'description': _pick(draw, DESCRIPTIONS),
        'monthly_rent': '{0:.0f}'.format(rent),
        'let_in_a_week': 'yes' if wish > 0 else 'no',
        'energy_class': 'A' if thrift > 1.5 else 'B' if thrift > -0.2 else 'C',
    }
    for column in ['floor', 'year_built', 'distance_km', 'heating']:
        if draw() < 0.03:
            cells[column] = ''
    return [cells[column] for column in COLUMNS]


def _pick(draw, choices):
    return choices[int(draw() * len(choices))]


def _noise(draw):
    """Roughly normal, with mean 0 and deviation 1."""
    return sum(draw() for _ in range(12)) - 6


def write_table(rows):
    """Rows of text as CSV bytes: UTF-8, comma, quoted only where needed."""
    return '\n'.join(','.join(map(_quoted, row)) for row in rows).encode(
        'utf-8') + b'\n'


def _quoted(field):
    if any(each in field for each in ',"\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field
