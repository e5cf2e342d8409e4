"""Scores rows of the sample with the linear models of `model.json`."""

from __future__ import absolute_import, division, unicode_literals

import io
import json
import math
import os
from collections import OrderedDict, namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(HERE, 'model.json')
SAMPLE = os.path.join(HERE, 'sample.csv')

# No flat has such a number: it would drown out everything else.
LARGEST = 1e9

# One row as a target's model sees it.
Scored = namedtuple('Scored', [
    'prediction',    # a number, or the label of the class
    'values',        # [(label, number), ...]: classes are probabilities
    'explanations',  # [Explanation, ...], the strongest first
    'extra',         # OrderedDict of what the model says besides, or None
])

# The target that is a text, and what real servers call the column of one.
TEXT_TARGET = 'advert'
TEXT_LABEL = 'resultText'
TEXT_TASK = 'TextGeneration'

Explanation = namedtuple('Explanation', [
    'feature',   # name of the column
    'value',     # what was in it: a number or text
    'label',     # the label whose score it moved
    'strength',  # by how much: in units of the target, or of log odds
    'share',     # of all strengths in this row, 0 to 1
])


class Model(object):
    """Three linear models over the same columns, one per target.

    Each target has a score per label: an intercept, and what each column adds
    to it. A number adds its coefficient times its distance from the mean, a
    category its own effect; what is missing or unknown adds nothing.
    """

    def __init__(self, path=PATH):
        with io.open(path, encoding='utf-8') as lines:
            content = json.load(lines)
        self.means = content['means']
        self.categories = content['categories']
        self.ignored = content['ignored']
        self.targets = content['targets']

    @property
    def features(self):
        """Names of the required columns."""
        return sorted(self.means) + sorted(self.categories)

    def task(self, target):
        """'Regression', 'Binary' or 'Multiclass'."""
        return TEXT_TASK if target == TEXT_TARGET else self.targets[target]['task']

    def threshold(self, target):
        """The probability from which a row gets the first label, or None."""
        return None if target == TEXT_TARGET else self.targets[target].get('threshold')

    def score(self, target, row, explanations=0):
        """Scores one row: a dict of column name to text.

        Returns a `Scored` with at most `explanations` explanations.
        """
        if target == TEXT_TARGET:
            text = _advert(row)
            return Scored(text, [(TEXT_LABEL, text)], [], OrderedDict([('words', len(text.split()))]))
        labels = self.targets[target]['labels']
        features = self.read_features(row)
        effects = [self._effects(target, label, features) for label in labels]
        scores = [self.targets[target]['scores'][label]['intercept'] +
                  sum(effect) for label, effect in zip(labels, effects)]
        values, best = self._decide(target, scores)
        prediction = values[0] if best is None else labels[best]
        explained = [] if not explanations else _explain(
            features, effects[best or 0], labels[best or 0])[:explanations]
        extra = _per_area(prediction, row) if best is None else None
        return Scored(prediction, list(zip(labels, values)), explained, extra)

    def read_features(self, row):
        """The features of a row in a fixed order: [(name, value), ...].

        A value is a float, text, or None where it is missing or unreadable.
        """
        numbers = [(name, _number(row.get(name)))
                   for name in sorted(self.means)]
        words = [(name, row.get(name) or None)
                 for name in sorted(self.categories)]
        return numbers + words

    def _effects(self, target, label, features):
        score = self.targets[target]['scores'][label]
        return [self._effect(score, name, value) for name, value in features]

    def _effect(self, score, name, value):
        if value is None:
            return 0.0
        if name in self.means:
            return score[name] * (value - self.means[name])
        return score[name].get(value, 0.0)

    def _decide(self, target, scores):
        """The values of the labels, and which label wins (None: a number)."""
        if self.task(target) == 'Regression':
            return scores, None
        values = probabilities(scores)
        if self.task(target) == 'Binary':
            return values, 0 if values[0] >= self.threshold(target) else 1
        return values, values.index(max(values))


def probabilities(scores):
    """The softmax of a list of scores."""
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = sum(weights)
    return [weight / total for weight in weights]


def _number(field):
    try:
        number = float(field)
    except (TypeError, ValueError):
        return None
    # NaN is not smaller than anything.
    return number if abs(number) < LARGEST else None


def _per_area(rent, row):
    area = _number(row.get('area_m2'))
    return OrderedDict([('rent_per_m2', round(rent / area, 2) if area else None),
                        ('size', 'large' if area and area > 80 else 'small')])


def _advert(row):
    return '"{0}"\n{1} m\xb2, {2} rooms in {3}.'.format(*[
        row.get(name) or '?' for name in ('description', 'area_m2', 'rooms', 'city')])


def _explain(features, effects, label):
    total = sum(abs(effect) for effect in effects)
    explanations = [Explanation(name, value, label, effect, abs(effect) / total)
                    for (name, value), effect in zip(features, effects) if effect]
    return sorted(explanations, key=lambda explanation: (-explanation.share, explanation.feature))
