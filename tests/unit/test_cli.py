"""The shell around a command: what an error that nobody expected shows."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring import cli


def test_an_unexpected_error_is_one_line_without_secrets(capsys):
    try:
        raise ValueError('it was tok123')
    except ValueError as error:
        cli._report_bug(error, ['tok123'])
    assert capsys.readouterr()[1] == 'Unexpected error: ValueError: it was *****.\n'


def test_an_unexpected_error_before_the_settings_are_known_shows_no_text(capsys):
    try:
        raise ValueError('it was tok123')
    except ValueError as error:
        cli._report_bug(error, [])
    assert capsys.readouterr()[1] == 'Unexpected error: ValueError.\n'
