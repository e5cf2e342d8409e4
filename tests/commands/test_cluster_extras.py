"""Routes, arguments and extra columns of the prediction API on a Dask cluster."""

from __future__ import absolute_import, unicode_literals

import json
from collections import OrderedDict

import pytest

import faults
import when
from scoring import DEPLOYMENT, numbered

pytest.importorskip('distributed')


@faults.fault
def with_output(exchange):
    """A good answer with extra output; later rows have one more name."""
    route, rows = exchange.good_rows()
    for row, sent in zip(rows, exchange.record.rows):
        n = int(sent.key)
        row['extraModelOutput'] = OrderedDict([('tokens', n * 3), ('note', 'say "{0}",\nplease'.format(n))])
        if n > 500:
            row['extraModelOutput']['late'] = n
    exchange.send(200, exchange.server.echo.wrap(rows, route))


@pytest.mark.parametrize('options', [
    ['--extra_cols=*'], ['--extra_cols=note', '--n_samples=11', '--bad_rows=bad.csv', '--out=out.csv.gz']])
def test_extra_columns_and_the_old_route_are_as_on_one_machine(
        run_command, make_server, folder, cluster, options):
    server = make_server(shape='multiclass')
    server.fail(faults.status(404, 'no such route'), when.path_has('maxExplanations'))
    if '--bad_rows=bad.csv' in options:
        server.fail(faults.status(422, 'no'), when.holds('70'))
    server.fail(with_output())
    folder.write('data.csv', numbered(3000))
    words = ['--host=' + server.url, '--api_token=test-token', '--max_prediction_explanations=2',
             '--explanation_details', '--query=thresholdHigh=0.8137', DEPLOYMENT, 'data.csv'] + options
    name = 'out.csv.gz' if '--out=out.csv.gz' in options else 'out.csv'
    code = 3 if '--bad_rows=bad.csv' in options else 0
    single = run_command('batch_scoring_deployment_aware', words)
    assert single.code == code, single
    expected = folder.read(name)
    before = len(server.batches)
    result = run_command('batch_scoring_deployment_aware', words + [
        '--scheduler=' + cluster.address, '--yes', '--report=r.json'], timeout=120)
    assert (result.code, result.stray) == (code, False), result
    assert folder.read(name) == expected
    assert b'tokens' in expected.splitlines()[0] or b'note' in expected.splitlines()[0]
    targets = [record.target for record in server.batches[before:]]
    assert all(target.endswith('&thresholdHigh=0.8137') for target in targets)
    # A worker process asks on the current route once at most.
    assert len([target for target in targets if 'maxExplanations' in target]) <= 4
    everything = ''.join(data.decode('latin-1') for data in folder.state().values())
    assert '0.8137' not in everything + result.err
    assert json.loads(folder.read('r.json').decode('utf-8'))['settings']['query'].startswith('thresholdHigh=*****')
