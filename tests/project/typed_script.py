"""A script as `docs/from-python.rst` has it, for `mypy --strict`; test_types.py runs it."""

from __future__ import absolute_import, unicode_literals

import os

from datarobot_batch_scoring import make_settings, score
from datarobot_batch_scoring.errors import DatasetError, ScoringError, UsageError


def main(host, dataset, out):
    # type: (str, str, str) -> str
    settings = make_settings(
        'batch_scoring_sse', os.environ, host=host, import_id='flats', dataset=dataset, out=out,
        keep_cols=['x'], n_samples=5, timeout='20', delimiter=',', pred_name=None, yes=True)
    concurrent = settings.n_concurrent  # type: int
    kept = settings.keep_cols[0]  # type: str
    try:
        result = score(settings)
    except (UsageError, DatasetError):
        raise
    except ScoringError as error:
        code = error.exit_code  # type: int
        return '{0}: {1}'.format(code, ' '.join([error.message, error.detail, error.hint]))
    rows = result.rows  # type: int
    seconds = result.seconds  # type: float
    return '{0} rows at {1}, {2}'.format(rows, concurrent, kept + ' ' * (seconds < 0))


# Each is a mistake to mypy, which otherwise says that the comment is of no use.
def a_command_that_is_not_there():
    # type: () -> None
    make_settings('batch_score', host='http://127.0.0.1', dataset='d')  # type: ignore[call-overload]


def a_host_that_is_missing():
    # type: () -> None
    make_settings('batch_scoring_sse', dataset='d', import_id='i')  # type: ignore[call-overload]


def an_option_that_is_misspelled():
    # type: () -> None
    make_settings(  # type: ignore[call-overload]
        'batch_scoring_sse', host='http://127.0.0.1', import_id='i', dataset='d', n_sample=5)


def an_option_of_another_command():
    # type: () -> None
    make_settings(  # type: ignore[call-overload]
        'batch_scoring_sse', host='http://127.0.0.1', import_id='i', dataset='d', user='me')


def a_value_of_the_wrong_type():
    # type: () -> None
    make_settings(  # type: ignore[call-overload]
        'batch_scoring_sse', host='http://127.0.0.1', import_id='i', dataset='d', n_samples=5.5)


MISTAKES = (a_command_that_is_not_there, a_host_that_is_missing, an_option_that_is_misspelled,
            an_option_of_another_command, a_value_of_the_wrong_type)
