"""Makes the demo's sample and trains its models on it: `python packaging/train_demo.py`."""

from __future__ import absolute_import, division, unicode_literals

import io
import json

import sources  # noqa: F401 - so that the package beside this folder is imported
from demo_sample import CATEGORIES, COLUMNS, NUMBERS, TARGETS, make_sample, write_table

from datarobot_batch_scoring.demo.model import PATH, SAMPLE, probabilities

STEPS = 250
RATE = 1.5
RIDGE = 1e-3


def train(rows):
    """The content of `model.json` for rows of the sample (dicts of text).

    Rent is fitted by least squares; the classes by multinomial logistic
    regression, with gradient descent.
    """
    rent, let, energy = TARGETS
    scales = dict((name, _scale(rows, name)) for name in NUMBERS)
    levels = [(name, level) for name in CATEGORIES
              for level in sorted(set(row[name] for row in rows) - set(['']))]
    shares = [sum(row[name] == level for row in rows) / len(rows)
              for name, level in levels]
    terms = [_terms(row, scales, levels, shares) for row in rows]

    def scores(labels, fitted):
        return dict((label, _readable(weights, scales, levels, shares))
                    for label, weights in zip(labels, fitted))

    classes = ['A', 'B', 'C']
    fitted_rent = [_least_squares(terms, [float(row[rent]) for row in rows])]
    fitted_let = _logistic(terms, [row[let] for row in rows], ['yes', 'no'])
    fitted_energy = _logistic(terms, [row[energy] for row in rows], classes)
    return {
        'means': dict((name, scales[name][0]) for name in NUMBERS),
        'categories': CATEGORIES,
        'ignored': sorted(set(COLUMNS) - set(NUMBERS) - set(CATEGORIES)),
        'targets': {
            rent: {'task': 'Regression', 'labels': [rent],
                   'scores': scores([rent], fitted_rent)},
            let: {'task': 'Binary', 'labels': ['yes', 'no'], 'threshold': 0.5,
                  'scores': scores(['yes', 'no'], fitted_let)},
            energy: {'task': 'Multiclass', 'labels': classes,
                     'scores': scores(classes, fitted_energy)},
        },
    }


def _scale(rows, name):
    """Mean and standard deviation of a column, missing values left out."""
    numbers = [float(row[name]) for row in rows if row[name]]
    mean = sum(numbers) / len(numbers)
    spread = sum((each - mean) ** 2 for each in numbers) / len(numbers)
    return _short(mean), spread ** 0.5


def _terms(row, scales, levels, shares):
    """A row as numbers around 0, so that a missing value is a 0."""
    numbers = [(float(row[name]) - scales[name][0]) / scales[name][1]
               if row[name] else 0.0 for name in NUMBERS]
    words = [(row[name] == level) - share if row[name] else 0.0
             for (name, level), share in zip(levels, shares)]
    return [1.0] + numbers + words


def _least_squares(terms, wanted):
    """Weights that solve the normal equations, by Gaussian elimination."""
    size = range(len(terms[0]))
    matrix = [[sum(row[i] * row[j] for row in terms) + RIDGE * (i == j)
               for j in size] +
              [sum(row[i] * value for row, value in zip(terms, wanted))]
              for i in size]
    # The ridge makes every pivot positive.
    for i in size:
        matrix[i] = [each / matrix[i][i] for each in matrix[i]]
        for j in size:
            if j != i:
                factor = matrix[j][i]
                matrix[j] = [a - factor * b
                             for a, b in zip(matrix[j], matrix[i])]
    return [row[-1] for row in matrix]


def _logistic(terms, wanted, labels):
    """Weights for each label, starting from 0."""
    weights = [[0.0] * len(terms[0]) for _ in labels]
    for _ in range(STEPS):
        slopes = [[RIDGE * each for each in row] for row in weights]
        for row, label in zip(terms, wanted):
            guesses = probabilities([_dot(each, row) for each in weights])
            for slope, guess, known in zip(slopes, guesses, labels):
                miss = (guess - (known == label)) / len(terms)
                slope[:] = [a + miss * b for a, b in zip(slope, row)]
        weights = [[a - RATE * b for a, b in zip(row, slope)]
                   for row, slope in zip(weights, slopes)]
    return weights


def _dot(left, right):
    return sum(a * b for a, b in zip(left, right))


def _readable(weights, scales, levels, shares):
    """Weights as the model file has them: the effect of a unit or a category."""
    score = {'intercept': _short(weights[0])}
    for name, weight in zip(NUMBERS, weights[1:]):
        score[name] = _short(weight / scales[name][1])
    words = list(zip(levels, shares, weights[1 + len(NUMBERS):]))
    for (name, level), _, weight in words:
        usual = sum(share * each for (other, _), share, each in words
                    if other == name)
        score.setdefault(name, {})[level] = _short(weight - usual)
    return score


def _short(number):
    return float('{0:.4g}'.format(number))


def main():
    """Writes `model.json` and `sample.csv`."""
    table = make_sample()
    model = train([dict(zip(COLUMNS, row)) for row in table[1:]])
    with io.open(SAMPLE, 'wb') as out:
        out.write(write_table(table))
    with io.open(PATH, 'w', encoding='utf-8', newline='\n') as out:
        out.write('{0}\n'.format(json.dumps(
            model, indent=1, sort_keys=True, ensure_ascii=False,
            separators=(',', ': '))))


if __name__ == '__main__':
    main()
