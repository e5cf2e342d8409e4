# -*- coding: utf-8 -*-
"""The sample of the demo, and the models that were trained on it."""

from __future__ import absolute_import, unicode_literals

import io
import json

import demo_sample as sample
import train_demo
from datarobot_batch_scoring.demo.model import PATH as MODEL_PATH
from datarobot_batch_scoring.demo.model import SAMPLE, Model
from datarobot_batch_scoring.demo.bodies import read_table


def test_the_sample_has_what_makes_a_csv_file_hard():
    with io.open(SAMPLE, 'rb') as data:
        content = data.read()
    assert content == sample.write_table(sample.make_sample())
    header, records = read_table(content)
    cells = [field for _, record in records for field in record]
    assert header == sample.COLUMNS
    assert len(records) == sample.ROWS
    for hard in ['\n', ',', '"', 'Ł']:
        assert any(hard in cell for cell in cells)
    assert '' in cells


def test_the_models_are_what_training_on_the_sample_gives():
    rows = [dict(zip(sample.COLUMNS, row))
            for row in sample.make_sample()[1:]]
    with io.open(MODEL_PATH, encoding='utf-8') as lines:
        assert json.load(lines) == train_demo.train(rows)


def test_the_models_are_better_than_a_guess():
    model = Model()
    rows = [dict(zip(sample.COLUMNS, row))
            for row in sample.make_sample()[1:]]

    def hits(target):
        return sum(model.score(target, row).prediction == row[target]
                   for row in rows) / float(len(rows))

    misses = [abs(model.score('monthly_rent', row).prediction -
                  float(row['monthly_rent'])) for row in rows]
    assert sum(misses) / len(misses) < 80
    assert hits('let_in_a_week') > 0.8
    assert hits('energy_class') > 0.8
