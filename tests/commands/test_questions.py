"""What a user is asked, and that nothing is touched before the answer is yes."""

from __future__ import absolute_import, unicode_literals

import pytest

import faults
from scoring import LOG, numbered

ROWS = ['row_id,y'] + ['{0},{0}'.format(n) for n in range(10)]
SLOWLY = ['--n_samples=2', '--n_concurrent=1']


@pytest.fixture
def interrupted(score, server, folder):
    """A run that ended after six rows; returns the state of its folder."""
    server.fail(faults.status(403), when=lambda record: record.first == '6')
    assert score(numbered(10), *SLOWLY).code == 1
    server.heal()
    assert folder.lines() == ROWS[:7]
    assert folder.has('out.csv.shelve')
    return folder.state()


def times_scored(server):
    return [server.answered['{0}'.format(n)] for n in range(10)]


# --- overwrite? ------------------------------------------------------------------

@pytest.mark.parametrize('answers', ['y\n', 'yes\n', 'YES\r\n', ' y \n', 'y', 'maybe\n\nx\nyes\n'])
def test_an_output_is_overwritten_when_the_answer_is_yes(score, folder, answers):
    folder.write('out.csv', b'precious')
    result = score(numbered(10), stdin=answers)
    assert result.code == 0
    assert result.err.count('Overwrite it?') == max(answers.count('\n'), 1)
    assert folder.lines() == ROWS


@pytest.mark.parametrize('answers, options', [
    ('n\n', []), ('No', []), ('what\nn\ny\n', []), ('y\n', ['--no']), ('', ['-n'])])
def test_an_output_is_kept_when_the_answer_is_no(score, server, folder, answers, options):
    folder.write('out.csv', b'precious')
    folder.write('data.csv', numbered(10))
    before = folder.state()
    result = score(None, *options, stdin=answers)
    assert (result.code, result.out) == (2, '')
    assert (folder.state(), server.log) == (before, [])


def test_an_output_is_kept_at_the_end_of_input_and_the_flags_are_named(score, server, folder):
    folder.write('out.csv', b'precious')
    folder.write('data.csv', numbered(10))
    before = folder.state()
    result = score(None, stdin='')
    assert (result.code, result.out) == (2, '')
    assert '--yes' in result.err and '--no' in result.err and 'Traceback' not in result.err
    assert (folder.state(), server.log) == (before, [])


def test_without_an_output_nothing_is_asked(score, folder):
    score.well(numbered(10), stdin='n\n')
    assert folder.lines() == ROWS


def test_an_output_with_no_resume_is_asked_about_too(score, server, folder):
    folder.write('out.csv', b'precious')
    assert score(numbered(10), '--no-resume', stdin='n\n').code == 2
    assert (folder.read(), server.log) == (b'precious', [])


def test_a_dry_run_asks_nothing(score, folder):
    folder.write('out.csv', b'precious')
    score.well(numbered(10), '--dry_run')
    assert folder.read() == b'precious'


# --- resume? ---------------------------------------------------------------------

@pytest.mark.parametrize('answers, options', [('y\n', []), ('', ['--yes']), ('', ['--resume'])])
def test_a_checkpoint_that_fits_is_resumed_when_the_answer_is_yes(
        interrupted, score, server, folder, answers, options):
    result = score(None, *(SLOWLY + options), stdin=answers)
    assert result.code == 0
    assert result.err.count('?') == (0 if options else 1)
    assert folder.lines() == ROWS
    assert times_scored(server) == [1] * 10
    assert not folder.has('out.csv.shelve')


def test_when_the_answer_to_resume_is_no_overwriting_is_asked_about(
        interrupted, score, server, folder):
    result = score(None, *SLOWLY, stdin='n\ny\n')
    assert result.code == 0
    assert result.err.index('Resume, start over or quit?') < result.err.index('Overwrite it?')
    assert folder.lines() == ROWS
    assert times_scored(server) == [2] * 6 + [1] * 4


@pytest.mark.parametrize('answers, options', [('n\nn\n', []), ('', ['--no']), ('', []),
                                              ('n\n', [])])
def test_when_both_answers_are_no_or_missing_all_stays_as_it_was(
        interrupted, score, server, folder, answers, options):
    requests = len(server.log)
    result = score(None, *(SLOWLY + options), stdin=answers)
    assert (result.code, result.out) == (2, '')
    assert (folder.state(), len(server.log)) == (interrupted, requests)


@pytest.mark.parametrize('answers', ['s\n', 'x\nS\n', 'start over\n'])
def test_to_start_over_is_one_answer(interrupted, score, server, folder, answers):
    result = score(None, '--report=r.json', *SLOWLY, stdin=answers)
    assert result.code == 0
    assert '6 rows of an earlier run are in out.csv. Resume, start over or quit? [r/s/q]' in result.err
    assert 'Overwrite it?' not in result.err
    assert folder.lines() == ROWS
    assert times_scored(server) == [2] * 6 + [1] * 4


def test_r_resumes(interrupted, score, server, folder):
    assert score(None, *SLOWLY, stdin='r\n').code == 0
    assert (folder.lines(), times_scored(server)) == (ROWS, [1] * 10)


def test_q_ends_with_everything_as_it_was(interrupted, score, server, folder):
    requests = len(server.log)
    result = score(None, *SLOWLY, stdin='q\n')
    assert (result.code, result.out) == (2, '')
    assert (folder.state(), len(server.log)) == (interrupted, requests)


def test_no_resume_asks_only_about_the_output(interrupted, score, server, folder):
    result = score(None, '--no-resume', *SLOWLY, stdin='y\n')
    assert result.code == 0
    assert 'Resume,' not in result.err
    assert times_scored(server) == [2] * 6 + [1] * 4


# --- discard? --------------------------------------------------------------------

@pytest.mark.parametrize('option, difference', [
    ('--n_samples=3', 'n_samples was 2 and is 3'), ('--keep_cols=city', 'keep_cols'),
    ('--skip_row_id', 'skip_row_id'), ('--pred_name=p', 'pred_name'),
    ('--output_delimiter=;', 'output_delimiter')])
def test_a_checkpoint_of_another_option_is_discarded_when_the_answer_is_yes(
        interrupted, score, server, folder, option, difference):
    result = score(None, *(SLOWLY + [option]), stdin='y\ny\n')
    assert result.code == 0
    assert result.err.index(difference) < result.err.index('Discard') < result.err.index(
        'Overwrite it?')
    assert times_scored(server) == [2] * 6 + [1] * 4
    assert len(folder.lines()) == 11


@pytest.mark.parametrize('data', [numbered(10).replace(b'town 2', b'city 2'),
                                  numbered(10).replace(b'city', b'town', 1), numbered(3)])
def test_a_checkpoint_of_another_dataset_is_discarded_when_the_answer_is_yes(
        interrupted, score, folder, data):
    result = score(data, *SLOWLY, stdin='y\ny\n')
    assert result.code == 0
    assert 'dataset' in result.err and 'Discard' in result.err
    assert len(folder.lines()) == data.count(b'\n')


@pytest.mark.parametrize('answers, options', [('n\n', []), ('', []), ('', ['--no'])])
def test_a_checkpoint_that_does_not_fit_is_kept_when_the_answer_is_no_or_missing(
        interrupted, score, server, folder, answers, options):
    requests = len(server.log)
    result = score(None, *(SLOWLY + ['--skip_row_id'] + options), stdin=answers)
    assert (result.code, result.out) == (2, '')
    assert (folder.state(), len(server.log)) == (interrupted, requests)


def test_yes_says_which_run_it_discards_and_why(interrupted, score, folder):
    result = score(None, '--yes', '--skip_row_id', *SLOWLY)
    assert result.code == 0
    assert result.err == (
        'warning: The checkpoint of an earlier run with 6 rows is discarded, since it does not match: '
        '--skip_row_id was not given and is True.\n')
    assert len(folder.lines()) == 11


def test_a_lost_output_is_a_difference_too(interrupted, score, folder):
    folder.write('out.csv', b'row_id,y\n')
    result = score(None, *SLOWLY, stdin='y\ny\n')
    assert result.code == 0
    assert 'Discard' in result.err
    assert folder.lines() == ROWS


def test_an_explicit_resume_that_does_not_fit_is_refused_without_a_question(
        interrupted, score, folder):
    result = score(None, '--resume', '--yes', '--n_concurrent=1', '--n_samples=3')
    assert result.code == 2
    assert 'n_samples was 2 and is 3' in result.err and '?' not in result.err
    assert folder.state() == interrupted


# --- nothing to resume -----------------------------------------------------------

NOTHING_TO_RESUME = ('Nothing to resume: the output out.csv has no checkpoint, so its run was complete. Overwrite it?')


@pytest.mark.parametrize('answers, options', [('', []), ('n\n', []), ('', ['--no'])])
def test_with_resume_an_output_that_is_complete_is_kept_unless_the_answer_is_yes(
        score, server, folder, answers, options):
    score.well(numbered(10))
    before, requests = folder.state(), len(server.log)
    result = score(None, '--resume', *options, stdin=answers)
    assert (result.code, result.out) == (2, '')
    assert options or NOTHING_TO_RESUME in result.err
    assert (folder.state(), len(server.log)) == (before, requests)
    assert score(None, '--resume', stdin='y\n').code == 0
    assert len(server.log) > requests


def test_with_resume_and_yes_an_output_without_a_checkpoint_is_overwritten(score, folder):
    folder.write('out.csv', b'of yesterday')
    score.well(numbered(10), '--resume', '--yes')
    assert folder.lines() == ROWS


def test_with_resume_an_empty_output_is_no_complete_one(score, folder):
    folder.write('out.csv', b'')
    assert score(numbered(10), '--resume', stdin='y\n').code == 0
    assert folder.lines() == ROWS


def test_where_nothing_was_written_over_an_output_the_hint_is_not_to_resume(
        score, server, folder):
    folder.write('out.csv', b'of yesterday')
    server.fail(faults.status(503))
    result = score(numbered(10), '--yes', '--n_retry=0')
    assert result.code == 1
    assert result.err.splitlines()[-1] == 'When the server recovers, rerun.'
    assert folder.read() == b'of yesterday'


def test_questions_are_no_part_of_standard_output(score, folder):
    folder.write('out.csv', b'')
    result = score(numbered(10), stdin='y\n')
    assert result.code == 0
    assert len(result.out.splitlines()) == 1
    assert folder.has(LOG)
