"""Scores CSV files of any size against a prediction server, in order."""

__version__ = '2.1.0'


def make_settings(command, environ=None, **options):
    """The settings for `score`, checked as those of a command line are.

    `command` is 'batch_scoring', with project_id and model_id, 'batch_scoring_deployment_aware',
    with deployment_id, or 'batch_scoring_sse', with import_id unless the protocol does without.
    Each also needs host, and dataset except for `score_frame`. The other options are those of the command line, without
    dashes; `<command> --help` says what each one does:

    * Server: host, user, password, api_token, create_api_token, datarobot_key, api_version,
      protocol, request_format, outputs, query, header, client_cert, client_key, ca_bundle,
      no_verify_ssl.
    * Output: out, keep_cols, send_cols, drop_cols, pred_cols, class_names,
      max_prediction_explanations, explanation_details, extra_cols, pred_name, pred_threshold,
      pred_decision, output_delimiter, skip_row_id, bad_rows, max_bad_rows.
    * Batches and requests: n_samples, auto_sample, n_concurrent, rows_per_second,
      requests_per_second, n_retry, timeout, compress.
    * Dataset: delimiter, encoding, types, rows, empty_ok, skip_dialect, fast, field_size_limit.
    * Cluster: scheduler, storage_options.
    * Resume and questions: resume, no_resume, yes, no, check, dry_run.
    * Messages and reports: verbose, stdout, log, report.

    None is the same as nothing, and names of columns or classes may be lists. No ini file is read,
    and the environment only where it is given: `os.environ`, say. Raises `errors.UsageError`.

        settings = make_settings('batch_scoring_sse', host='https://example.com',
                                 import_id='flats', dataset='data.csv', out='scored.csv')
    """
    # Imported late, here and below: setup.py and workers want little of the package.
    from six import raise_from

    from datarobot_batch_scoring.errors import UsageError
    from datarobot_batch_scoring.settings.settings import make
    try:
        return make(command, environ, **options)
    except UsageError as error:
        # What it came of, such as the complaint of a library, says nothing more.
        raise_from(error, None)


def score(settings):
    """Scores a dataset as the commands do; returns a `run.score.Result`.

    Asks nothing, and prints only with the setting `verbose`; logs to the logger
    'datarobot_batch_scoring'. Raises `errors.ScoringError`, whose `exit_code` is what
    the command would have ended with: `errors.UsageError` if nothing was sent,
    `errors.DatasetError` if the dataset cannot be read or sent. With the setting
    `bad_rows`, rows that the server refuses are not an error: the result counts them.
    """
    from datarobot_batch_scoring.console.terminal import NonInteractive
    from datarobot_batch_scoring.run.score import score as score_and_wait
    from datarobot_batch_scoring.settings.settings import check_dataset
    check_dataset(settings)
    person = NonInteractive(settings.yes, settings.no, settings.verbose)
    if settings.needs_password:
        person.password(settings.user)
    return score_and_wait(settings, person, carrier_of(settings))


def carrier_of(settings):
    """The class that carries out a run, on this machine or on a cluster; `run.score.score` has its methods."""
    if settings.needs_cluster:
        from datarobot_batch_scoring.cluster.client import OnCluster
        return OnCluster
    from datarobot_batch_scoring.run.one_machine import OneMachine
    return OneMachine


def score_frame(settings, frame, bad_rows=None):
    """Scores a pandas or polars DataFrame; returns the frame of the predictions.

    `settings` are those of `make_settings` without dataset and out. The result has a row for each
    row of the frame, the same index, and the columns of the output except `row_id`: those of
    `keep_cols` as they are in the frame, then the predictions. A row that the server rejects
    raises `errors.ScoringError`, or is appended to the list `bad_rows` as (position, reason), and
    its predictions are missing. Writes no log, and leaves no file.
    """
    from datarobot_batch_scoring.run import frames
    return frames.score_frame(settings, frame, bad_rows, score)
