"""What an error says to whoever reads it, and that it crosses processes."""

from __future__ import absolute_import, unicode_literals

import pickle

import pytest

from datarobot_batch_scoring.console import masking
from datarobot_batch_scoring.console.wording import PYTHON
from datarobot_batch_scoring.errors import DatasetError, ScoringError, UsageError

CHANGED = 'The dataset a.csv changed while it was being read: it grew. '


def changed():
    return DatasetError('dataset_changed', file='a.csv', difference=': it grew')


def test_a_command_reads_how_to_resume_and_options_with_dashes():
    assert '{0}'.format(changed()).startswith(CHANGED)
    assert 'with --resume; ' in changed().hint
    assert changed().hint.endswith('with --no-resume.')


def test_a_caller_from_python_reads_settings():
    error = changed()
    error.reader = PYTHON
    assert 'with resume=True; ' in error.hint
    assert error.hint.endswith('with no_resume.')


def test_a_run_that_cannot_be_resumed_does_not_mention_it():
    error = changed()
    error.resumable = False
    assert '--resume' not in error.hint and ' ; ' not in error.hint and '  ' not in error.hint


def test_what_is_noticed_before_anything_is_sent_is_a_usage_error_of_the_same_facts():
    error = changed().as_usage(file='s3://data/a.csv')
    assert isinstance(error, UsageError) and not error.resumable
    assert error.message == 'The dataset s3://data/a.csv changed while it was being read: it grew.'
    assert '--resume' not in error.hint


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_is_the_same_in_another_process(protocol):
    error = DatasetError('large_row', 'Server message: no', row=3, line=5, status=413)
    error.resumable = False
    error.reader = PYTHON
    copied = pickle.loads(pickle.dumps(error, protocol))
    assert type(copied) is DatasetError
    assert copied.lines() == error.lines()
    assert (copied.facts['row'], copied.facts['line'], copied.resumable) == (3, 5, False)


def test_the_facts_of_an_error_are_plain_data():
    error = ScoringError('unwritable', file='a.csv', file_kind='output', reason=ValueError('no space'))
    assert error.facts['reason'] == 'no space'


def test_an_error_names_the_options_that_can_help():
    assert changed().options == ('no-resume',)
    assert UsageError('encoding', file='a.csv', codec='cp1252').options == ('encoding',)


def test_no_secret_is_in_a_masked_error():
    error = ScoringError('status', 'Server message: hunter2', what='hunter2', status=401, remedy='Check hunter2.')
    masked = masking.masked_error(error, ['hunter2'])
    assert 'hunter2' not in '{0} {1!r} {2!r}'.format(masked, masked, masked.facts)
    assert masked.lines()[0] == 'The server rejected ***** with status 401.'


def test_an_error_may_have_words_of_its_own():
    error = UsageError('No {braces} are filled.', 'Server message: {so}', 'Do {this}.')
    assert error.lines() == ['No {braces} are filled.', 'Server message: {so}', 'Do {this}.']
