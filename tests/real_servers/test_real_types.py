"""What a model on the real MLflow gets of a row has its types, however the table is cut into batches."""

from __future__ import absolute_import, unicode_literals

import json

import pytest

from typed_tables import CUTS, TABLES, random_table

pytestmark = pytest.mark.real_servers


@pytest.mark.parametrize('seed', range(TABLES))
def test_a_model_gets_the_same_values_of_a_table_in_every_cut(seed, shared, run_command, folder):
    table = random_table(seed)
    folder.write('data.csv', table.data)
    told = []
    for cut in CUTS:
        result = run_command('batch_scoring_sse', [
            '--protocol=mlflow', '--host=' + shared('mlflow', 'tells').host, '--no-resume', '--yes',
            '--n_samples={0}'.format(cut), 'data.csv'], timeout=120)
        assert (result.code, result.err) == (0, ''), result
        told.append([record[1] for record in folder.records()[1:]])
    assert told[1:] == told[:-1]
    # 7 and 7.0 are the same to ==, but not as text.
    assert [json.dumps(json.loads(row, parse_constant=lambda nan: None)) for row in told[0]] == [
        json.dumps(row) for row in table.values]
