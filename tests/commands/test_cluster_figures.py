"""What a run on a cluster counts: batches and rows in its summary line and its report."""

from __future__ import absolute_import, unicode_literals

import json
import os
import re
import sys

import pytest

import faults
import when
from scoring import IMPORT, numbered

pytest.importorskip('distributed')

REPORT = os.path.join('datarobot_batch_scoring', 'report')


def wide(rows):
    """A dataset (bytes) of 2 KB per row."""
    return b'x,text\n' + b''.join(b'%d,%s\n' % (n, b'abcde ' * 330) for n in range(rows))


@pytest.fixture
def on_cluster(run_command, server, folder, cluster):
    """`on_cluster(option, ...)` scores data.csv with a report: (`command.Result`, the report)."""
    def score(*options):
        result = run_command('batch_scoring_sse', [
            '--host=' + server.url, '--scheduler=' + cluster.address, '--report=report.json',
            IMPORT, 'data.csv'] + list(options), timeout=120)
        return result, json.loads(folder.read('report.json').decode('ascii'))
    return score


def check_counts(result, report, rows, scored, batches):
    """The summary line and the report count the same, and all of it."""
    assert (result.code, result.err) == (0, ''), result
    assert result.out.startswith('{0} rows are in out.csv: {1} scored in {2} batch{3}, '.format(
        rows, scored, batches, 'es' * (batches != 1))), result.out
    assert (report['rows'], report['rows_scored'], report['batches'], report['requests']) == (
        rows, scored, batches, batches)
    assert sum(each['requests'] for each in report['latency_histogram']) == batches
    assert sum(each['rows'] for each in report['throughput']) == scored


@pytest.mark.parametrize('rows, size', [(1, 1), (3, 2), (40, 1), (200, 1000)])
def test_a_short_run_counts_all_its_batches_and_rows(on_cluster, server, folder, rows, size):
    folder.write('data.csv', numbered(rows))
    result, report = on_cluster('--n_samples={0}'.format(size))
    result = result._replace(out=result.out.replace('1 row is', '1 rows are'))
    check_counts(result, report, rows, rows, len(server.log))
    assert report['predictions']['count'] == rows


def test_a_resumed_run_counts_all_its_batches_and_rows(on_cluster, server, folder):
    folder.write('data.csv', wide(300))
    server.fail(faults.status(400), when.holds('280'))
    result, report = on_cluster('--n_concurrent=1', '--n_samples=20')
    assert result.code == 1
    before = report['rows']
    # What is sent to find the row is no batch.
    assert report['batches'] == [each.status for each in server.log].index(400)
    server.heal()
    requests = len(server.log)
    result, report = on_cluster('--n_samples=20', '--resume')
    check_counts(result, report, 300, 300 - before, len(server.log) - requests)
    assert 0 < report['rows_before'] == before
    assert report['predictions']['count'] == 300


def calls_in_report(score, rows):
    """(parts, calls of functions in the package `report`) of a run with a report."""
    calls, parts = [0], []

    def count(frame, event, _):
        if event == 'call' and REPORT in frame.f_code.co_filename:
            calls[0] += 1
    sys.setprofile(count)
    try:
        score(rows, parts)
    finally:
        sys.setprofile(None)
    return len(set(parts)), calls[0]


def test_what_a_part_costs_a_report_does_not_grow_with_the_parts(cluster, server, folder):
    from datarobot_batch_scoring import make_settings, score

    def score_rows(rows, parts):
        folder.write('data.csv', wide(rows))

        def look(record):
            if os.path.isdir(folder('out.csv.run')):
                parts.extend(name for name in os.listdir(folder('out.csv.run'))
                             if re.match('record-', name))
            return 0
        server.delay = look
        score(make_settings(
            'batch_scoring_sse', host=server.url, import_id=IMPORT, dataset=folder('data.csv'),
            out=folder('out.csv'), report=folder('report.json'), n_samples=10, yes=True,
            scheduler=cluster.address))
    few, calls = calls_in_report(score_rows, 300)
    many, more_calls = calls_in_report(score_rows, 3000)
    assert few >= 3 and many >= 6 * few
    # Batches are counted too: ten times as many.
    assert more_calls <= 15 * calls
