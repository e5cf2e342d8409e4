"""Rows that the server refuses are set aside with --bad_rows, and all others are scored."""

from __future__ import absolute_import, unicode_literals

import io
import json
import os
import zlib

import pytest

import faults
import when
from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.output import checkpoint
from scoring import QUICK, numbered, predicted

BAD = '--bad_rows=bad.csv'
HEADER = 'row_id,line,reason,x,city'


def any_of(*keys):
    """Batches that hold one of these rows."""
    keys = set('{0}'.format(key) for key in keys)
    return lambda record: keys.intersection(record.keys)


def predicted_but(count, *rows):
    """The output for `numbered` in which these rows have no prediction."""
    lines = predicted(count).splitlines(True)
    for row in rows:
        lines[row + 1] = '{0},{1}'.format(row, os.linesep).encode('ascii')
    return b''.join(lines)


@pytest.fixture
def assert_set_aside(folder):
    """Output and bad rows are those of `numbered(count)` in which these `rows` are bad."""
    def check(count, rows, reason='status 422: no', name='bad.csv'):
        assert folder.lines(name) == [HEADER] + [
            '{0},{1},{2},{0},town {0}'.format(row, row + 2, reason) for row in rows]
        assert folder.read() == predicted_but(count, *rows)
        assert not folder.has('out.csv.shelve')
    return check


@pytest.mark.parametrize('status', [400, 422])
@pytest.mark.parametrize('rows', [[0], [7], [0, 1, 2, 29], [10, 20]])
def test_refused_rows_are_in_their_file_and_empty_in_the_output(
        score, server, assert_set_aside, status, rows):
    server.fail(faults.status(status), any_of(*rows))
    result = score(numbered(30), BAD, '--n_samples=10', '--n_concurrent=2')
    assert (result.code, result.err) == (3, '')
    assert_set_aside(30, rows, 'status {0}: no'.format(status))
    assert '30 rows are in out.csv: {0} scored'.format(30 - len(rows)) in result.out
    said = '1 row was set aside and is' if len(rows) == 1 else '{0} rows were set aside and are'
    assert '; {0} in bad.csv'.format(said.format(len(rows))) in result.out
    assert 'null' not in result.out


def test_the_file_is_made_even_if_no_row_is_refused(score, folder):
    score.well(numbered(3), BAD)
    assert folder.lines('bad.csv') == [HEADER]


@pytest.mark.parametrize('data, options, bad', [
    (b'x,row_id,line\n1,a,b\n2,c,d\n', [], ['row_id,line,reason,x,row_id,line', '1,3,R,2,c,d']),
    (b'x;t\r\n1;a\r\n\r\n 2;"a,b\r\n"";"\r\n', [],
     ['row_id,line,reason,x,t', '1,4,R, 2,"a,b', '"";"']),
    (b'x,t\n1,5" pipe\n2,"5"" pipe"\n', [], ['row_id,line,reason,x,t', '1,3,R,2,"5"" pipe"']),
    ('x,t\n1,\xe9\n2,\xe9\n'.encode('latin-1'), ['--encoding=latin-1'],
     ['row_id,line,reason,x,t', '1,3,R,2,\xe9']),
    (b'x,t\n1,a\n2', [], ['row_id,line,reason,x,t', '1,3,R,2']),
    (b'x\n1\n2\n', [], ['row_id,line,reason,x', '1,3,R,2']),
])
def test_a_record_keeps_its_columns(score, server, folder, data, options, bad):
    server.fail(faults.status(422), lambda record: any(
        key.strip() == '2' for key in record.keys))
    assert score(data, BAD, *options).code == 3
    assert folder.lines('bad.csv') == [each.replace('R', 'status 422: no') for each in bad]


@pytest.mark.parametrize('options, header, line', [
    (['--keep_cols=city,x'], 'row_id,city,x,0.0,1.0', '1,town 1,1,,'),
    (['--skip_row_id', '--pred_name=p'], 'p', '""'),
    (['--pred_threshold=t', '--pred_decision=d', '--max_prediction_explanations=1'],
     'row_id,0.0,1.0,explanation_1_feature,explanation_1_strength,t,d', '1,,,,,,'),
    (['--out=out.csv.gz', '--output_delimiter=;'], 'row_id;0.0;1.0', '1;;'),
])
def test_the_row_keeps_its_place_and_its_kept_columns(
        make_server, score, folder, options, header, line):
    score.server = make_server(shape='binary')
    score.server.fail(faults.status(400), when.holds('1'))
    result = score(numbered(3), BAD, *options)
    lines = folder.lines('out.csv.gz' if '--out=out.csv.gz' in options else 'out.csv')
    assert (result.code, len(lines), lines[0], lines[2]) == (3, 4, header, line)


@pytest.mark.parametrize('shape', ['binary', 'multiclass'])
def test_the_row_has_as_many_fields_as_the_header(make_server, score, folder, shape):
    # Every option that adds a column.
    options = ['--keep_cols=x', '--max_prediction_explanations=2', '--pred_decision=d']
    options += ['--pred_threshold=t'] if shape == 'binary' else []
    score.server = make_server(shape=shape)
    score.server.fail(faults.status(400), when.holds('1'))
    assert score(numbered(3), BAD, *options).code == 3
    header, good, bad, _ = folder.lines()
    assert bad.startswith('1,1,,')
    assert header.count(',') == bad.count(',') == good.count(',') > 8


def test_a_file_that_ends_in_gz_is_packed(score, server, folder):
    server.fail(faults.status(400), any_of(1, 7))
    assert score(numbered(9), '--bad_rows=bad.csv.gz', '--n_samples=3').code == 3
    assert [each[:2] for each in folder.lines('bad.csv.gz')[1:]] == ['1,', '7,']


def test_a_hundred_good_rows_cost_few_requests(score, server, assert_set_aside):
    rows = list(range(50, 2000, 190))
    server.fail(faults.status(422), any_of(*rows))
    assert score(numbered(2000), BAD, '--n_samples=500', '--n_concurrent=8').code == 3
    assert_set_aside(2000, rows)
    assert len(server.log) < 4 + len(rows) * 2 * 9
    # The other batches are not cut smaller for it.
    assert max(len(each.rows) for each in server.batches[-20:]) > 1


def test_other_batches_are_as_large_as_before(score, server):
    server.fail(faults.status(422), when.holds('0'))
    assert score(numbered(400), BAD, '--n_samples=40', '--n_concurrent=1').code == 3
    assert [len(each.rows) for each in server.batches if each.status == 200].count(40) == 9


# --- where it gives up -------------------------------------------------------------


def test_one_row_more_than_max_bad_rows_ends_the_run(score, server, folder, assert_set_aside):
    rows = [3, 8, 12, 17, 25]
    server.fail(faults.status(422), any_of(*rows))
    options = [BAD, '--n_samples=10', '--n_concurrent=2']
    result = score(numbered(30), '--max_bad_rows=3', *options)
    assert result.code == 1
    assert 'Bad-row limit (3) exceeded at row 17 (dataset line 19)' in result.err
    assert 'Server message: status 422: no' in result.err and '--max_bad_rows' in result.err
    assert [each.split(',')[0] for each in folder.lines('bad.csv')[1:]] == ['3', '8', '12']
    # Those of the run before count.
    assert score(None, '--max_bad_rows=4', '--resume', *options).code == 1
    assert len(folder.lines('bad.csv')) == 5
    assert score(None, '--max_bad_rows=5', '--resume', *options).code == 3
    assert_set_aside(30, rows)


def test_no_row_may_be_bad(score, server, folder):
    server.fail(faults.status(422), when.holds('15'))
    result = score(numbered(30), BAD, '--max_bad_rows=0', '--n_samples=10', '--n_concurrent=1')
    assert result.code == 1 and 'Bad-row limit (0) exceeded at row 15 (dataset line 17)' in result.err


@pytest.mark.parametrize('n_samples', [1, 7, 1000])
@pytest.mark.parametrize('n_concurrent', [1, 4])
def test_ten_rows_refused_and_none_accepted_are_the_model_or_the_columns(
        score, server, folder, n_samples, n_concurrent):
    server.fail(faults.status(422, 'no such column'))
    result = score(numbered(1000), BAD, '--n_samples={0}'.format(n_samples),
                   '--n_concurrent={0}'.format(n_concurrent))
    assert (result.code, result.stray) == (1, False)
    assert 'suspect the model or columns' in result.err and 'no such column' in result.err
    assert not folder.has('bad.csv') and not folder.has('out.csv')
    assert len(server.log) < 150


def test_all_rows_of_a_small_dataset_are_refused(score, server, folder):
    server.fail(faults.status(422))
    result = score(numbered(3), BAD)
    assert result.code == 1 and 'rejected 3 single rows and accepted none' in result.err
    assert not folder.has('out.csv') and not folder.has('out.csv.shelve')


def test_nine_rows_refused_before_the_first_is_accepted_are_set_aside(
        score, server, assert_set_aside):
    server.fail(faults.status(422), any_of(*range(9)))
    assert score(numbered(30), BAD, '--n_samples=1', '--n_concurrent=1').code == 3
    assert_set_aside(30, range(9))


# --- other failures ----------------------------------------------------------------


@pytest.mark.parametrize('fault, reason', [
    (faults.status(503), 'status 503: no'), (faults.status(500), 'status 500: no'),
    (faults.rows_too_few(), 'the response is invalid: 1 rows were sent and 0 predictions received')])
@pytest.mark.parametrize('n_retry', [0, 3])
def test_a_row_whose_retries_are_used_up_is_set_aside_while_others_succeed(
        score, server, assert_set_aside, fault, reason, n_retry):
    server.fail(fault, when.holds('21'))
    result = score(numbered(60), BAD, '--n_samples=10', '--n_concurrent=1',
                   '--n_retry={0}'.format(n_retry), env=QUICK)
    assert result.code == 3, result
    assert_set_aside(60, [21], reason)


def test_a_row_that_is_too_large_is_set_aside(score, server, assert_set_aside):
    server.fail(faults.status(413), any_of(21, 59))
    assert score(numbered(60), BAD, '--n_samples=10', '--n_concurrent=2').code == 3
    assert_set_aside(60, [21, 59], 'status 413: no')


@pytest.mark.parametrize('code', [500, 503])
@pytest.mark.parametrize('n_samples', [1, 10])
def test_an_outage_sets_nothing_aside(score, server, folder, code, n_samples):
    server.fail(faults.status(code), lambda record: len(server.answered) >= 20)
    result = score(numbered(60), BAD, '--n_samples={0}'.format(n_samples), '--n_concurrent=2',
                   '--n_retry=3', '--timeout=1', env=QUICK)
    assert result.code == 1 and 'could not be scored in 4 attempts' in result.err
    assert folder.lines('bad.csv') == [HEADER]


# --- 500 and 502 for one batch, 504 -------------------------------------------------


@pytest.mark.parametrize('code', [500, 502])
@pytest.mark.parametrize('row', [0, 33, 59])
def test_a_row_for_which_the_server_fails_is_found_and_set_aside(
        score, server, assert_set_aside, code, row):
    server.fail(faults.status(code), when.holds('{0}'.format(row)))
    result = score(numbered(60), BAD, '--n_samples=20', '--n_concurrent=2', env=QUICK)
    assert (result.code, result.err) == (3, '')
    assert_set_aside(60, [row], 'status {0}: no'.format(code))


def test_the_last_batches_may_all_hold_a_row_that_fails(score, server, assert_set_aside):
    server.fail(faults.status(500), any_of(33, 44, 59))
    result = score(numbered(60), BAD, '--n_samples=10', '--n_concurrent=3', env=QUICK)
    assert (result.code, result.err) == (3, '')
    assert_set_aside(60, [33, 44, 59], 'status 500: no')


def test_without_the_option_the_row_is_named_and_retried(start_command, score, server, folder):
    server.fail(faults.status(500), when.holds('33'))
    folder.write('data.csv', numbered(60))
    command = start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', '--n_samples=20', '--n_concurrent=2'],
        env=QUICK)
    server.wait_for(lambda: 'Row 33 (dataset line 35) keeps failing' in command.err())
    server.wait_for(lambda: len(server.answered) == 59)
    server.heal()
    assert command.wait().code == 0
    assert folder.read() == predicted(60)


def test_a_batch_that_is_halved_since_it_fails_lowers_no_ceiling(score, server):
    server.fail(faults.status(500), when.both(when.holds('3'), when.more_rows_than(1)))
    score.well(numbered(400), '--n_samples=40', '--n_concurrent=1', env=QUICK)
    assert [len(each.rows) for each in server.batches if each.status == 200].count(40) == 9


def test_with_few_retries_they_are_used_up_first(score, server):
    server.fail(faults.status(500), when.holds('33'))
    result = score(numbered(60), '--n_samples=20', '--n_retry=1', env=QUICK)
    assert result.code == 1 and 'Rows 20 to 39 could not be scored in 2 attempts' in result.err


def test_a_gateway_that_does_not_wait_long_gets_smaller_batches(score, server, folder):
    server.fail(faults.status(504), when.more_rows_than(50))
    score.well(numbered(300), '--n_samples=300', env=QUICK)
    assert folder.read() == predicted(300)
    assert [len(each.rows) for each in server.batches][:3] == [300, 300, 150]


# --- resume -------------------------------------------------------------------------


def stopped_at(score, server, row, *options):
    """A run that a refusal has ended, then a server that refuses rows."""
    server.fail(faults.status(403), when.holds('{0}'.format(row)))
    assert score(numbered(60), '--n_samples=10', '--n_concurrent=1', *options).code == 1
    server.rules.pop()


def test_a_run_that_stopped_at_a_refusal_goes_on_with_the_option(
        score, server, assert_set_aside):
    server.fail(faults.status(422), any_of(25, 40))
    assert score(numbered(60), '--n_samples=10', '--n_concurrent=1').code == 1
    assert score(None, '--n_samples=10', '--resume', BAD).code == 3
    assert_set_aside(60, [25, 40])


def test_the_file_may_be_renamed_and_its_rows_move_along(score, server, folder, assert_set_aside):
    server.fail(faults.status(422), any_of(5, 40))
    stopped_at(score, server, 30, BAD)
    os.mkdir(folder('there'))
    assert score(None, '--n_samples=10', '--resume', '--bad_rows=there/more.csv').code == 3
    assert_set_aside(60, [5, 40], name=os.path.join('there', 'more.csv'))


@pytest.mark.parametrize('before, after', [('bad.csv', 'bad.csv.gz'), ('bad.csv.gz', 'bad.csv')])
def test_a_file_that_is_renamed_from_packed_to_plain_or_back_is_copied_as_text(
        score, server, folder, assert_set_aside, before, after):
    server.fail(faults.status(422), any_of(5, 25, 40))
    stopped_at(score, server, 20, '--bad_rows=' + before)
    stopped_at(score, server, 30, '--bad_rows=' + after, '--resume')
    assert score(None, '--n_samples=10', '--resume', '--bad_rows=' + after).code == 3
    assert_set_aside(60, [5, 25, 40], name=after)


def test_the_option_may_be_dropped_only_before_a_row_is_set_aside(score, server, folder):
    server.fail(faults.status(422), when.holds('5'))
    stopped_at(score, server, 30, BAD)
    before = folder.state()
    result = score(None, '--n_samples=10', '--resume')
    assert result.code == 2 and '--bad_rows was bad.csv and is not given' in result.err
    assert folder.state() == before
    server.heal()
    stopped_at(score, server, 30, BAD, '--no-resume', '--yes')
    score.well(None, '--n_samples=10', '--resume')
    assert folder.read() == predicted(60)


def test_bad_rows_that_are_lost_are_refused(score, server, folder):
    server.fail(faults.status(422), when.holds('5'))
    stopped_at(score, server, 30, BAD)
    os.remove(folder('bad.csv'))
    result = score(None, '--n_samples=10', '--resume', BAD)
    assert result.code == 2 and 'lost or shorter' in result.err


def forge(folder, **changes):
    """Makes a checkpoint say something else of the bad rows, with sums that are right."""
    descriptor = os.open(folder('out.csv.shelve'), os.O_RDWR)
    try:
        state = checkpoint.Checkpoint(checkpoint.read_slots(descriptor)[0])
        state['bad'] = dict(state['bad'], **changes)
        # In every slot.
        for _ in range(2):
            state.sync()
            state.sync()
            state.force()
    finally:
        os.close(descriptor)


@pytest.mark.skipif(WINDOWS, reason='no FIFOs')
@pytest.mark.parametrize('name', [
    '/etc/passwd', os.path.join('..', 'bad.csv'), 'data.csv', 'fifo', 'link', 'a\0b', '.'])
def test_a_checkpoint_that_was_forged_has_no_other_file_read(score, server, folder, name):
    server.fail(faults.status(422), when.holds('5'))
    stopped_at(score, server, 30, BAD)
    outside = os.path.join(os.path.dirname(folder.path), 'bad.csv')
    secret = folder.read_raw('bad.csv').replace(b'town', b'pass')
    with io.open(outside, 'wb') as target:
        target.write(secret)
    os.symlink(outside, folder('link'))
    readable = name != '.' and '\0' not in name
    data = io.open(folder(name), 'rb').read() if readable and folder.has(name) else b''
    forge(folder, name=name, length=len(data), forced=0, checksum=zlib.crc32(data) & 0xffffffff,
          rows=max(data.count(b'\n') - 1, 1))
    before = folder.state()
    if name == 'fifo':
        os.mkfifo(folder(name))
    result = score(None, '--n_samples=10', '--resume', '--bad_rows=more.csv')
    assert result.code == 2 and 'Traceback' not in result.err, result
    if name == 'fifo':
        os.remove(folder(name))
    assert folder.state() == before


def test_bad_rows_in_another_folder_are_read_where_the_option_names_that(
        score, server, folder, assert_set_aside):
    server.fail(faults.status(422), any_of(5, 40))
    for name in ('here', 'there', 'new'):
        os.mkdir(folder(name))
    stopped_at(score, server, 30, '--bad_rows=there/bad.csv')
    result = score(None, '--n_samples=10', '--resume', '--bad_rows=here/bad.csv')
    assert result.code == 2 and '--bad_rows was {0} and is'.format(
        os.path.join('there', 'bad.csv')) in result.err
    assert score(None, '--n_samples=10', '--resume', '--bad_rows=there/more.csv').code == 3
    assert_set_aside(60, [5, 40], name=os.path.join('there', 'more.csv'))


def test_what_was_set_aside_can_be_repaired_and_scored_by_itself(score, server, folder):
    server.fail(faults.status(422), when.holds('5'))
    assert score(numbered(10), BAD).code == 3
    server.heal()
    score.well(folder.read('bad.csv'), '--out=repaired.csv', '--keep_cols=row_id', '--skip_row_id')
    assert folder.lines('repaired.csv') == ['row_id,y', '5,5']


# --- files and questions ---------------------------------------------------------


@pytest.mark.parametrize('name, said', [
    ('data.csv', 'The dataset and the bad-rows file are the same file'),
    ('out.csv', 'The output and the bad-rows file are the same file'),
    ('out.csv.shelve', 'The checkpoint and the bad-rows file are the same file'),
    ('r.json', 'The bad-rows file and the report are the same file'),
    ('none/bad.csv', 'The directory of the bad-rows file does not exist: none'),
    ('.', 'The bad-rows file . is a directory.\nName a file in it.')])
def test_a_file_that_is_in_the_way_is_a_usage_error(score, server, folder, name, said):
    result = score(numbered(3), '--bad_rows=' + name, '--report=r.json')
    assert result.code == 2 and said in result.err
    assert server.log == [] and not folder.has('out.csv')


@pytest.mark.parametrize('options, stdin', [(['--no'], ''), ([], 'no\n')])
def test_an_existing_file_is_kept_where_the_answer_is_no(score, server, folder, options, stdin):
    folder.write('bad.csv', b'mine')
    result = score(numbered(3), BAD, *options, stdin=stdin)
    assert result.code == 2 and 'the bad-rows file was kept' in result.err
    assert folder.read('bad.csv') == b'mine' and server.log == []


def test_an_existing_file_is_overwritten_where_the_answer_is_yes(score, folder):
    folder.write('bad.csv', b'mine')
    result = score(numbered(3), BAD, stdin='yes\n')
    assert result.code == 0 and 'The bad-rows file bad.csv exists. Overwrite it?' in result.err
    assert folder.lines('bad.csv') == [HEADER]


def test_a_file_that_another_run_writes_is_refused(start_command, score, server, folder):
    server.flag.set()
    server.fail(faults.never(), when.both(when.holds('20'), when.while_set(server.flag)))
    folder.write('data.csv', numbered(30))
    start_command('batch_scoring_sse', [
        '--host=' + server.url, 'flats', 'data.csv', BAD, '--n_samples=10'])
    server.wait_for(lambda: folder.has('bad.csv') and len(folder.lines()) > 10)
    result = score(None, BAD, '--out=other.csv', '--yes')
    assert result.code == 2 and 'Another run is writing bad.csv' in result.err


def test_a_dry_run_writes_nothing(score, server, folder):
    score.well(numbered(3), BAD, '--dry_run')
    assert server.log == [] and not folder.has('bad.csv')


# --- what is said of them ---------------------------------------------------------


def test_the_report_counts_them_by_reason(score, server, folder):
    server.fail(faults.status(422, 'bad town'), any_of(5, 6))
    server.fail(faults.status(400, 'bad <x>'), when.holds('20'))
    for name in ('r.json', 'r.html'):
        assert score(numbered(30), BAD, '--report=' + name, '--yes').code == 3
    found = json.loads(folder.read('r.json').decode('utf-8'))
    assert (found['rows'], found['rows_scored'], found['bad_rows']) == (30, 27, 3)
    assert found['bad_rows_by_reason'] == {'status 422: bad town': 2, 'status 400: bad <x>': 1}
    assert found['outcome'] == 'complete' and found['null_values'] == 0
    assert 'status 400: bad &lt;x&gt;' in folder.read('r.html').decode('utf-8')


def test_no_reason_holds_a_secret_or_a_control_character(run_command, make_server, folder):
    server = make_server()
    server.fail(faults.status(422, 'token test-token\x1b[1m, "key"\n'), when.holds('1'))
    folder.write('data.csv', numbered(3))
    result = run_command('batch_scoring_deployment_aware', [
        '--host=' + server.url, '5f0000000000000000000003', 'data.csv', BAD,
        '--api_token=test-token'])
    assert result.code == 3
    assert folder.lines('bad.csv')[1] == '1,3,"status 422: token ***** [1m, ""key""",1,town 1'
    assert b'test-token' not in b''.join(folder.state().values())


# --- without the option ------------------------------------------------------------


@pytest.mark.parametrize('row', [1000, 1001, 1499, 1999])
def test_the_one_row_to_blame_is_named(score, server, folder, row):
    server.fail(faults.status(422, 'no such town'), when.holds('{0}'.format(row)))
    result = score(numbered(3000), '--n_samples=1000', '--n_concurrent=1')
    assert result.code == 1
    assert 'The cause is row {0} (dataset line {1})'.format(row, row + 2) in result.err
    assert 'no such town' in result.err and '--bad_rows' in result.err
    assert folder.read() == predicted(1000)
    assert len(server.log) <= 2 + 20


@pytest.mark.parametrize('rows', [[1000, 1700], range(1000, 2000)])
def test_of_several_rows_to_blame_none_is_named(score, server, rows):
    server.fail(faults.status(422), any_of(*rows))
    result = score(numbered(3000), '--n_samples=1000', '--n_concurrent=1')
    assert result.code == 1 and 'The cause is row' not in result.err
    assert len(server.log) <= 2 + 20


def test_nothing_is_looked_for_before_a_row_was_accepted(score, server):
    server.fail(faults.status(422))
    assert score(numbered(1000), '--n_samples=100', '--n_concurrent=1').code == 1
    assert len(server.log) == 1
