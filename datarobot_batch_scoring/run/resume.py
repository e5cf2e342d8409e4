"""Decides whether a run goes on from a checkpoint or starts anew, and asks where it must."""

from __future__ import absolute_import, unicode_literals

import hashlib
import os
from collections import namedtuple

from datarobot_batch_scoring.dataset.grammar import count_lines
from datarobot_batch_scoring.dataset.utf8 import UndecodableInput, Utf8Input
from datarobot_batch_scoring.errors import DatasetError, UsageError
from datarobot_batch_scoring.output import checkpoint, lock
from datarobot_batch_scoring.processes.writer import locked_by_another, no_checkpoint

# Where a run begins.
Start = namedtuple('Start', [
    'resumed',     # True: it goes on from a checkpoint
    'row',         # number of its first data row
    'position',    # where that begins, in bytes of UTF-8
    'line',        # and its line
    'digests',     # ((end, sha256), ...) of the input before it
    'labels',      # of the checkpoint, or None
    'nulls',       # null values in the output so far
])

# Settings that shape the output, or the way in which it is made.
SHAPING = ('project_id', 'model_id', 'deployment_id', 'import_id', 'api_version', 'n_samples',
           'keep_cols', 'max_prediction_explanations', 'pred_name', 'pred_threshold',
           'pred_decision', 'skip_row_id')


def what_must_match(settings, dataset, output_delimiter):
    """What must be the same to resume, as a dict of plain values for the checkpoint."""
    run = {name: getattr(settings, name) for name in SHAPING}
    run['keep_cols'] = list(settings.keep_cols)
    run.update(command=settings.command, encoding=dataset.encoding, delimiter=dataset.delimiter,
               output_delimiter=output_delimiter, linesep=os.linesep,
               header=list(dataset.columns))
    return run


def decide(settings, dataset, run, person):
    """The `Start` of a run, with `run` from `what_must_match`.

    Raises `UsageError` where the user says no, or asked to resume what does not fit.
    """
    try:
        locked = lock.LockedFile(settings.out)
    except lock.Locked:
        error = locked_by_another(settings.out)
        raise UsageError(error.message, hint=error.hint)
    except EnvironmentError as reason:
        raise UsageError(no_checkpoint(settings.out, reason).message)
    try:
        return _decide(settings, dataset, run, person, locked.descriptor)
    finally:
        # The writer takes the lock again.
        locked.close()


def _decide(settings, dataset, run, person, descriptor):
    found, exists = (None, False)
    if settings.resume is not False:
        found, exists = checkpoint.load(descriptor, settings.out)
    if not exists:
        return _anew(settings, dataset, person)
    start, difference = _fit(found.state() if found else None, dataset, run)
    if difference and settings.resume:
        raise UsageError('{0} cannot be resumed: {1}.'.format(settings.out, difference),
                         hint='Run with the settings and data of before, or start anew with '
                              '--no-resume.')
    if difference:
        question = 'There is a checkpoint that does not fit: {0}. Discard it and start anew?'
        if not person.ask(question.format(difference), '--yes, --no or --no-resume'):
            raise UsageError('Nothing was done: the checkpoint was kept.')
        return _anew(settings, dataset, person)
    question = '{0} rows of an earlier run are in {1}. Resume?'.format(start.row, settings.out)
    if settings.resume or person.ask(question, '--resume, --no-resume, --yes or --no'):
        return start
    return _anew(settings, dataset, person)


def _anew(settings, dataset, person):
    if os.path.lexists(settings.out):
        question = 'The output {0} exists. Overwrite?'.format(settings.out)
        if not person.ask(question, '--yes or --no'):
            raise UsageError('Nothing was done: the output was kept.')
    reader = Utf8Input(dataset)
    try:
        with_header = hashlib.sha256()
        for data in reader.read_up_to(dataset.data_start):
            with_header.update(data)
    finally:
        reader.close()
    return Start(False, 0, dataset.data_start, dataset.first_line,
                 ((dataset.data_start, with_header.hexdigest()),), None, 0)


def _fit(state, dataset, run):
    """(Start, None), or (None, the difference in words)."""
    if state is None:
        return None, 'the output is lost or shorter than it was'
    changed = [name for name in sorted(run) if state['run'].get(name) != run[name]]
    # Another encoding may be what the rows that follow need; those that were scored tell
    # by their digest, which is of their text, whether they are the same in it.
    if changed and changed != ['encoding']:
        return None, _difference(changed[0], state['run'].get(changed[0]), run[changed[0]])
    try:
        line, digest = _read_committed(dataset, state['digests'])
    except (DatasetError, UndecodableInput):
        digest = None
    if digest is None and changed:
        return None, _difference('encoding', state['run'].get('encoding'), run['encoding'])
    if digest is None:
        return None, 'the dataset differs in the rows that were scored'
    position = state['digests'][-1][0]
    labels = None if state['labels'] is None else tuple(state['labels'])
    return Start(True, state['rows'], position, line, ((position, digest),), labels,
                 state['nulls']), None


def _difference(name, before, now):
    if name == 'header':
        return 'the header of the dataset differs'
    if name in ('project_id', 'model_id', 'deployment_id', 'import_id', 'command', 'linesep'):
        return '{0} was {1} and is {2}'.format(name, before, now)
    return '--{0} was {1} and is {2}'.format(name, _shown(before), _shown(now))


def _shown(value):
    if isinstance(value, list):
        value = ','.join(value)
    return 'not given' if value in (None, '', False) else '{0}'.format(value)


def _read_committed(dataset, digests):
    """The line after the committed records and one digest of all of them.

    The digest is None where the dataset is not what it was.
    """
    reader = Utf8Input(dataset)
    whole, line, position = hashlib.sha256(), 1, 0
    carriage_return, last = False, b''
    try:
        for end, expected in digests:
            segment = hashlib.sha256()
            for data in reader.read_up_to(end - position):
                segment.update(data)
                whole.update(data)
                # A CRLF that is cut in two is one line end.
                line += count_lines(data) - (carriage_return and data[:1] == b'\n')
                carriage_return, last = data.endswith(b'\r'), data[-1:]
            position = end
            if segment.hexdigest() != expected:
                return None, None
        # What follows may belong to a last line that had no end.
        if last not in b'\r\n' and reader.read(1) not in (b'', b'\r', b'\n'):
            return None, None
        return line, whole.hexdigest()
    finally:
        reader.close()
