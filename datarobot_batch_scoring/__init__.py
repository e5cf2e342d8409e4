"""Scores CSV files of any size against a prediction server, in order."""

__version__ = '2.0.0'


def make_settings(command, environ=None, **options):
    """The settings for `score`; see `settings.merge.make`."""
    # Imported late, here and below: setup.py and workers need little of the package.
    from datarobot_batch_scoring.settings import merge
    return merge.make(command, environ, **options)


def score(settings):
    """Scores a dataset as the commands do; returns a `run.score.Result`.

    Asks nothing, and prints only with the setting `verbose`; logs to the logger
    'datarobot_batch_scoring'. Raises `errors.ScoringError`, whose `exit_code` is what
    the command would have ended with: `errors.UsageError` if nothing was sent,
    `errors.DatasetError` if the dataset cannot be read or sent. With the setting
    `bad_rows`, rows that the server refuses are not an error: the result counts them.
    """
    from datarobot_batch_scoring.console.terminal import Nobody
    from datarobot_batch_scoring.run.score import score as score_and_wait
    from datarobot_batch_scoring.settings.merge import needs_password
    person = Nobody(settings.yes, settings.no, settings.verbose)
    if needs_password(settings):
        person.password(settings.user)
    return score_and_wait(settings, person)
