# -*- coding: utf-8 -*-
"""Against the real MLServer, KServe, Triton and MLflow, every prediction is what the model itself says.

    pytest -n 0 -m real_servers tests/real_servers/test_real_v2.py
"""

from __future__ import absolute_import, division, unicode_literals

import io
import random

import pytest

from real_server import RealServer, interpreter
from v2_server import KINDS, V2Models, V2Server

pytestmark = pytest.mark.real_servers

ROWS = 6000
TARGETS = ('regression', 'binary', 'multiclass')
# The last digit may differ with the number of rows in a request.
PRECISION = 1e-12
# Rows per batch: some thousands of requests are left to those of seven.
BATCHES = {'1': ['--n_samples=1', '--rows=200'], '7': ['--n_samples=7'], '1000': ['--n_samples=1000'], 'auto': []}


def dataset(rows, seed=3):
    """Texts and numbers that may be missing, codes, and a column that no model takes."""
    draw = random.Random(seed)
    lines = ['name,city,code,area,rooms\n']
    for row in range(rows):
        lines.append('"{0}, ""x""\ny",{1},{2},{3},{4}\n'.format(
            row, draw.choice(['Oslo', 'Köln', 'Paris', '']), draw.choice(['007', '7', 'NA', 'x']),
            draw.choice(['', '52', '.5e2', '{0:.1f}'.format(draw.uniform(20, 150))]), draw.randint(1, 5)))
    return lines


def write(path, lines):
    with io.open(path, 'w', encoding='utf-8', newline='') as target:
        target.write(''.join(lines))
    return path


@pytest.fixture(scope='session')
def flats(tmpdir_factory):
    """The path of a dataset with `ROWS` rows."""
    return write('{0}'.format(tmpdir_factory.mktemp('flats').join('flats.csv')), dataset(ROWS))


@pytest.fixture(scope='session')
def v2_models(tmpdir_factory):
    """`v2_models('kserve')`: the `V2Models` of a kind of server; skips where it is not installed."""
    made = {}

    def make(kind):
        if kind not in made:
            python = interpreter(kind)
            made[kind] = python and V2Models(kind, python, '{0}'.format(tmpdir_factory.mktemp(kind)))
        if made[kind] is None:
            pytest.skip('{0} is not installed here'.format(kind))
        return made[kind]
    return make


@pytest.fixture(scope='session')
def own_predictions(v2_models, flats):
    """`own_predictions('kserve', 'binary')`: rows of values."""
    known = {}

    def says(kind, target):
        if (kind, target) not in known:
            known[kind, target] = v2_models(kind).says(target, flats)
        return known[kind, target]
    return says


@pytest.fixture(scope='session')
def v2_shared(v2_models, tmpdir_factory):
    """`v2_shared('kserve')`: a server that is ready, the same one for all tests."""
    started = {}

    def start(kind):
        if kind not in started:
            started[kind] = V2Server(v2_models(kind), '{0}'.format(tmpdir_factory.mktemp('log').join('server.log')))
            started[kind].start().ready()
        return started[kind]
    yield start
    for each in started.values():
        each.stop()


@pytest.fixture(scope='session')
def on_mlflow(v2_models, tmpdir_factory):
    """`on_mlflow('binary')`: MLflow's own server with a model, the same one for all tests."""
    started = {}

    def start(target):
        if target not in started:
            log = '{0}'.format(tmpdir_factory.mktemp('log').join('server.log'))
            started[target] = RealServer(v2_models('mlflow'), 'mlflow/' + target, log).start().ready()
        return started[target]
    yield start
    for each in started.values():
        each.stop()


@pytest.fixture
def v2_own(v2_models, tmpdir):
    """`v2_own('kserve')`: a server of this test alone, which has not started yet."""
    made = []

    def make(kind):
        made.append(V2Server(v2_models(kind), '{0}'.format(tmpdir.join('server.log'))))
        return made[-1]
    yield make
    for each in made:
        each.stop()


def words(server, model, data, *options):
    return ['--protocol=v2', '--host=' + server.host, model, data, '--yes'] + list(options)


def outputs_for(kind, model):
    """MLServer's scikit-learn runtime has probabilities only where they are asked for."""
    return ['--outputs=predict,predict_proba'] if kind == 'mlserver' and model in TARGETS[1:] else []


@pytest.fixture
def score_v2(run_command):
    def run(server, model, data, *options, **more):
        return run_command('batch_scoring_sse', words(server, model, data, *options), **dict({'timeout': 300}, **more))
    return run


def assert_own(found, expected):
    """The records of an output, without the header, have the model's own predictions, in order."""
    assert [row[0] for row in found] == ['{0}'.format(row) for row in range(len(expected))]
    for row, values in zip(found, expected):
        assert len(row) == len(values) + 1
        for text, value in zip(row[1:], values):
            if isinstance(value, float):
                assert abs(float(text) - value) <= PRECISION * max(abs(value), 1), (row, values)
            else:
                assert text == value, (row, values)


@pytest.mark.parametrize('batches', sorted(BATCHES))
@pytest.mark.parametrize('target', TARGETS)
@pytest.mark.parametrize('kind', KINDS)
def test_every_prediction_is_the_models_own(
        kind, target, batches, v2_shared, own_predictions, score_v2, flats, folder):
    result = score_v2(v2_shared(kind), target, flats, *(BATCHES[batches] + outputs_for(kind, target)))
    assert (result.code, result.err) == (0, ''), result
    found = folder.records()
    assert_own(found[1:], own_predictions(kind, target)[:len(found) - 1])
    width = {'regression': 0, 'binary': 2, 'multiclass': 3}[target]
    assert found[0] == ['row_id', 'predict'] + ['predict_proba_{0}'.format(at) for at in range(width)]


@pytest.mark.parametrize('batches', sorted(BATCHES))
def test_every_prediction_of_an_mlflow_model_on_mlserver_is_the_models_own(
        batches, v2_shared, own_predictions, score_v2, flats, folder):
    result = score_v2(v2_shared('mlserver'), 'mlflow', flats, *BATCHES[batches])
    assert (result.code, result.err) == (0, ''), result
    found = folder.records()
    assert_own(found[1:], own_predictions('mlserver', 'regression')[:len(found) - 1])


@pytest.mark.parametrize('batches', sorted(BATCHES))
@pytest.mark.parametrize('target', TARGETS)
def test_every_prediction_on_mlflow_is_the_models_own(
        target, batches, on_mlflow, own_predictions, run_command, flats, folder):
    result = run_command('batch_scoring_sse', [
        '--protocol=mlflow', '--host=' + on_mlflow(target).host, flats, '--yes'] + BATCHES[batches], timeout=300)
    assert (result.code, result.err) == (0, ''), result
    found = folder.records()
    # Of classes it has the probabilities only.
    expected = [row if target == 'regression' else row[1:] for row in own_predictions('mlflow', target)]
    assert_own(found[1:], expected[:len(found) - 1])


def test_batches_stay_within_a_max_batch_size_of_four(v2_shared, own_predictions, score_v2, flats, folder):
    result = score_v2(v2_shared('triton'), 'few', flats, '--rows=100', '--n_samples=50')
    assert (result.code, result.err) == (0, ''), result
    assert '25 batches' in result.out
    assert_own(folder.records()[1:], own_predictions('triton', 'regression')[:100])


@pytest.mark.parametrize('kind', KINDS)
def test_a_row_that_the_model_rejects_is_set_aside(kind, v2_shared, own_predictions, score_v2, folder):
    lines = dataset(ROWS)
    lines[3001] = 'x,Atlantis,007,52.5,2\n'
    write(folder('bad.csv'), lines)
    result = score_v2(v2_shared(kind), 'regression', 'bad.csv', '--n_samples=500', '--bad_rows=rejected.csv')
    assert result.code == 3, result
    assert [row[3:] for row in folder.records('rejected.csv')[1:]] == [['x', 'Atlantis', '007', '52.5', '2']]
    found, expected = folder.records()[1:], list(own_predictions(kind, 'regression'))
    assert found[3000] == ['3000', '']
    found[3000], expected[3000] = ['3000'], []
    assert_own(found, expected)


@pytest.mark.parametrize('kind', KINDS)
def test_an_unknown_model_ends_the_run_at_once(kind, v2_shared, score_v2, flats):
    result = score_v2(v2_shared(kind), 'nope', flats, timeout=20)
    assert result.code == 1 and '(404)' in result.err and 'name of the model' in result.err


@pytest.mark.parametrize('kind, model, code', [
    ('mlserver', 'mlflow', 2), ('mlserver', 'regression', 1), ('kserve', 'regression', 2), ('triton', 'regression', 2)])
def test_a_column_that_is_missing_is_named(kind, model, code, v2_shared, score_v2, folder):
    write(folder('less.csv'), ['city,code,rooms\n', 'Oslo,7,1\n'])
    result = score_v2(v2_shared(kind), model, 'less.csv', timeout=60)
    assert result.code == code and 'area' in result.err and 'Traceback' not in result.err, result


# --- trouble -----------------------------------------------------------------------


@pytest.fixture
def start_v2(start_command):
    def start(server, data, *options):
        return start_command('batch_scoring_sse', words(server, 'regression', data, '--n_samples=50', *options))
    return start


def at_work(command, folder):
    """Waits until a command has written some rows."""
    while not (folder.has('out.csv') and len(folder.read()) > 5000):
        assert command.running(), command.err()


@pytest.mark.parametrize('kind', KINDS)
def test_a_server_that_is_started_after_the_command_and_killed_and_started_again(
        kind, v2_own, start_v2, own_predictions, flats, folder):
    server = v2_own(kind)
    command = start_v2(server, flats, '--timeout=120')
    server.start()
    at_work(command, folder)
    server.stop()
    server.start()
    result = command.wait(240)
    assert result.code == 0, result
    assert_own(folder.records()[1:], own_predictions(kind, 'regression'))


@pytest.mark.parametrize('kind', KINDS)
def test_a_killed_run_is_resumed(kind, v2_shared, start_v2, score_v2, own_predictions, flats, folder):
    server = v2_shared(kind)
    command = start_v2(server, flats)
    at_work(command, folder)
    command.end()
    assert score_v2(server, 'regression', flats, '--resume', '--n_samples=50').code == 0
    assert_own(folder.records()[1:], own_predictions(kind, 'regression'))
