"""Batches that are too much for a server are halved, and the run ends well."""

from __future__ import absolute_import, division, unicode_literals

import pytest

import faults
import when
from scoring import QUICK, numbered, predicted

TOO_LARGE = faults.status(413, 'too large')


def sizes(server, status):
    """The rows of the requests that got this status, in order of arrival."""
    return [len(each.rows) for each in server.batches if each.status == status]


def scored_in_order(server):
    """The first keys of the good answers' batches, as numbers."""
    return [int(each.first) for each in server.batches if each.status == 200]


@pytest.mark.parametrize('early', [False, True])
@pytest.mark.parametrize('count', [1, 4])
def test_413_above_a_size_gives_the_same_output(score, server, folder, count, early):
    server.fail(TOO_LARGE, when.more_bytes_than(150), early=early)
    score.well(numbered(300), '--n_samples=40', '--n_concurrent={0}'.format(count), env=QUICK)
    assert folder.read() == predicted(300)
    assert set(server.answered.values()) == set([1])


def test_413_whose_text_cannot_be_read_halves_too(score, server, folder):
    server.fail(faults.status(413, headers=[('Content-Encoding', 'gzip')]),
                when.more_rows_than(2))
    score.well(numbered(8), '--n_samples=8', env=QUICK)
    assert folder.read() == predicted(8)
    assert set(sizes(server, 413)) == set([8, 4])


def test_413_down_to_single_rows(score, server, folder):
    server.fail(TOO_LARGE, when.more_rows_than(1))
    score.well(numbered(50), '--n_samples=16', '--n_concurrent=2')
    assert folder.read() == predicted(50)
    assert set(sizes(server, 200)) == set([1])


def test_parts_are_sent_in_the_order_of_their_rows(score, server):
    server.fail(TOO_LARGE, when.more_rows_than(3))
    score.well(numbered(100), '--n_samples=20', '--n_concurrent=1')
    order = scored_in_order(server)
    assert order == sorted(order)


def test_the_size_that_failed_is_the_ceiling_of_all_later_batches(score, server, folder):
    server.fail(TOO_LARGE, when.more_rows_than(9))
    score.well(numbered(2000), '--n_samples=64', '--n_concurrent=1')
    assert folder.read() == predicted(2000)
    # 64, 32 and 16 rows were too much, once each; bytes a row differ a little.
    assert len(sizes(server, 413)) <= 6
    assert max(sizes(server, 200)) <= 9


def test_the_ceiling_reaches_all_worker_processes(score, server, folder):
    server.fail(TOO_LARGE, when.more_rows_than(4))
    data = b'x,text\n' + b''.join('{0},{1}\n'.format(n, 'long ' * 8000).encode('ascii')
                                  for n in range(160))
    score.well(data, '--n_samples=16', '--n_concurrent=2', env=QUICK)
    assert folder.read() == predicted(160)
    assert len(sizes(server, 413)) <= 10


def test_other_failures_do_not_lower_the_ceiling(score, server):
    server.fail(faults.status(503), when.first_tries(1))
    score.well(numbered(40), '--n_samples=8', env=QUICK)
    assert set(sizes(server, 200)) == set([8])


def test_a_single_row_that_is_too_large_ends_the_run(score, server, folder):
    server.fail(TOO_LARGE, when.holds('21'))
    result = score(numbered(40), '--n_samples=8', '--n_concurrent=1')
    assert (result.code, result.stray) == (1, False)
    assert 'Row 21 (dataset line 23) is too large for the server' in result.err
    assert 'Server message: too large' in result.err
    assert folder.read() == predicted(21)
    server.heal()
    score.well(None, '--n_samples=8', '--resume')
    assert folder.read() == predicted(40)


def test_split_batches_can_be_resumed(score, server, folder):
    server.fail(TOO_LARGE, when.more_rows_than(3))
    server.fail(faults.status(422), when.holds('29'))
    assert score(numbered(60), '--n_samples=20', '--n_concurrent=1').code == 1
    done = len(folder.lines()) - 1
    assert 20 < done <= 29 and folder.read() == predicted(done)
    server.heal()
    score.well(None, '--n_samples=20', '--resume')
    assert folder.read() == predicted(60)


@pytest.mark.parametrize('option', ['--keep_cols=x', '--fast', '--compress', '--out=out.csv.gz'])
def test_parts_keep_what_belongs_to_their_rows(score, server, folder, option):
    score.well(numbered(50), option, '--n_samples=50')
    name = 'out.csv.gz' if 'gz' in option else 'out.csv'
    whole = folder.read(name)
    server.fail(TOO_LARGE, when.more_rows_than(4))
    score.well(numbered(50), option, '--n_samples=50', '--yes')
    assert folder.read(name) == whole


def test_records_with_line_breaks_are_never_cut(score, server, folder):
    data = b'x,text\n' + b''.join(
        '{0},"a\r\nb\n\n{0}"\n\n'.format(n).encode('ascii') for n in range(30))
    server.fail(TOO_LARGE, when.more_rows_than(1))
    result = score(data, '--n_samples=30')
    assert result.code == 0, result.err
    assert folder.read() == predicted(30)
    assert all(each.body.endswith(b'"\n') or each.body.endswith(b'"\n\n')
               for each in server.batches)


# --- timeouts --------------------------------------------------------------


def test_the_second_timeout_of_a_batch_halves_it(score, server, folder):
    server.fail(faults.never(), when.more_rows_than(2))
    score.well(numbered(8), '--n_samples=8', '--timeout=0.3', env=QUICK)
    assert folder.read() == predicted(8)
    assert [len(each.rows) for each in server.batches][:3] == [8, 8, 4]


def test_a_single_row_that_times_out_is_tried_again(score, server, folder):
    server.fail(faults.never(), when.first_tries(3))
    score.well(numbered(1), '--timeout=0.3', env=QUICK)
    assert folder.read() == predicted(1)
    assert len(server.log) == 4


def test_a_model_that_is_slow_per_row_ends_well(score, make_server, folder):
    score.server = make_server(delay=lambda record: 0.1 * len(record.rows))
    result = score(numbered(60), '--n_samples=30', '--timeout=1', env=QUICK)
    assert (result.code, result.err) == (0, '')
    assert folder.read() == predicted(60)


def test_a_server_that_never_answers_is_no_reason_to_split_for_ever(score, server, folder):
    server.fail(faults.never())
    result = score(numbered(4), '--timeout=0.3', '--n_retry=2', env=QUICK)
    assert result.code == 1
    assert 'no response within 0.3 seconds' in result.err
    assert 'Rows 0 to 0 ' in result.err and '3 attempts' in result.err
