# -*- coding: utf-8 -*-
"""Fixtures: real servers with their models, and a dataset for them."""

from __future__ import absolute_import, unicode_literals

import io
import os
import random

import pytest

from real_server import VARIABLES, Models, RealServer, interpreter

ROWS = 6000
# The column that no model uses: quoted line breaks and letters outside ASCII.
NAMES = ('"Zeile 1\nZeile ""{0}"""', 'Zoë {0}', '"a, b\r\n{0}"', '東京 {0}')


def dataset(rows, seed=3):
    """A dataset (text) for the models; its columns are name, größe, x2 and stadt."""
    numbers = random.Random(seed)
    lines = ['name,größe,x2,stadt\n']
    for row in range(rows):
        lines.append('{0},{1:.6f},{2:.6f},{3}\n'.format(
            NAMES[row % 4].format(row), numbers.gauss(0, 1), numbers.gauss(0, 1),
            numbers.choice(['Oslo', 'Köln', 'Paris'])))
    return ''.join(lines)


@pytest.fixture(scope='session')
def data(tmpdir_factory):
    """The path of a dataset with `ROWS` rows."""
    path = '{0}'.format(tmpdir_factory.mktemp('data').join('data.csv'))
    with io.open(path, 'w', encoding='utf-8', newline='') as target:
        target.write(dataset(ROWS))
    return path


@pytest.fixture(scope='session')
def models(tmpdir_factory):
    """`models('drum')`: the `Models` of a kind of server; skips where it is not installed."""
    made = {}

    def make(kind):
        if kind not in made:
            python = interpreter(kind)
            made[kind] = python and Models(
                kind, python, '{0}'.format(tmpdir_factory.mktemp(kind + '_models')))
        if made[kind] is None:
            pytest.skip('{0} is not installed here; {1} can name the interpreter that has it'.format(
                kind, VARIABLES[kind]))
        return made[kind]
    return make


@pytest.fixture(scope='session')
def shared(models, tmpdir_factory):
    """`shared('drum', 'binary')`: a server that is ready, the same one for all tests."""
    started = {}

    def start(kind, target, **more):
        key = (kind, target) + tuple(sorted((name, repr(more[name])) for name in more))
        if key not in started:
            log = '{0}'.format(tmpdir_factory.mktemp('log').join('server.log'))
            started[key] = RealServer(models(kind), target, log, **more)
            started[key].start().ready()
        return started[key]
    yield start
    for each in started.values():
        each.stop()


@pytest.fixture
def own(models, tmpdir):
    """`own('drum', 'binary')`: a server of this test alone, which has not started yet."""
    made = []

    def make(kind, target, **more):
        log = os.path.join('{0}'.format(tmpdir.mkdir('log{0}'.format(len(made)))), 'server.log')
        made.append(RealServer(models(kind), target, log, **more))
        return made[-1]
    yield make
    for each in made:
        each.stop()
