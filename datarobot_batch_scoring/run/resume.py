"""Decides whether a run goes on from a checkpoint or starts over, and asks if it must."""

from __future__ import absolute_import, unicode_literals

import os
import re
from collections import namedtuple

from six.moves.urllib.parse import urlsplit

from datarobot_batch_scoring.console.logs import LOGGER
from datarobot_batch_scoring.console.terminal import QUIT, RESUME, START_OVER
from datarobot_batch_scoring.dataset import checks, types
from datarobot_batch_scoring.dataset.batch import Position
from datarobot_batch_scoring.dataset.changes import read_back
from datarobot_batch_scoring.errors import DatasetError, Stopped, UndecodableInput, UsageError
from datarobot_batch_scoring.output import bad_rows, checkpoint, lease, locations, lock
from datarobot_batch_scoring.output.locations import as_path
from datarobot_batch_scoring.scoring.predictions import RowStatistics, restored
from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.settings.table import IDS, OUTPUT_DEFAULTS
from datarobot_batch_scoring.settings.values import plain

# Where a run begins.
Start = namedtuple('Start', [
    'resumed',     # serial number of the checkpoint that it goes on from, or None
    'position',    # batch.Position of its first data row
    'digests',     # ((end, sha256), ...) of the input before it
    'labels',      # from the checkpoint, or None
    'nulls',       # null values in the output so far
    'bad',         # rows that were set aside so far
    'tally',       # predictions.RowStatistics of these rows; None if it was not kept
    'types',       # of the columns, a list of `types.TYPES`; None if they were not kept
    'short',       # checks.Short of the rows in the output so far
])
Start.__new__.__defaults__ = (None, checks.NONE_SHORT)

# What to do about a difference, unless it is known better.
AS_BEFORE = 'Rerun with the original settings and data'
NO_TYPES = 'it does not have the types of the columns'
# What no shell reads as anything else.
PLAIN = re.compile(r'[\w.:/-]+\Z')


def what_must_match(settings, dataset, output_delimiter):
    """What must not change before resuming, as a dict of plain values for the checkpoint."""
    matching = {name: plain(getattr(settings, name)) for name in IDS + tuple(OUTPUT_DEFAULTS)}
    matching['path of host'] = urlsplit(settings.host).path or None
    matching['typed'] = protocols.of(settings).sends_types(settings) or None
    matching['types'] = [' '.join(pair) for pair in sorted(types.declared(settings.types).items())] or None
    dialect = dataset.dialect
    matching.update(
        command=settings.command, encoding=dialect.encoding,
        delimiter=dialect.delimiter.decode('ascii'), output_delimiter=output_delimiter,
        linesep=os.linesep, header=list(dialect.columns))
    return matching


def what_changed(before, now):
    """The names of what differs, in order, between two dicts of `what_must_match`.

    A checkpoint of an earlier version has nothing for an option that came later.
    """
    return [name for name in sorted(now) if before.get(name) != now[name]
            and not (_is_default(name, before.get(name)) and _is_default(name, now[name]))]


def lacks_types(before, now):
    """Whether the types of the columns are not in `before`, and requests are to have types."""
    return bool(now.get('typed')) and not types.are_types(before.get('column types'), now['header'])


def _is_default(name, value):
    return not value or value == OUTPUT_DEFAULTS.get(name)


def lock_output(settings):
    """The `lock.LockedFile` of a run's output; raises `UsageError`."""
    if settings.writes_stdout:
        return lock.Unlocked()
    try:
        return lease.lock_file(settings.out, settings.out)
    except EnvironmentError as reason:
        raise lock.no_checkpoint(settings.out, reason).as_usage()


def decide(settings, matching, person, before):
    """The `Start` of a run, with `matching` from `what_must_match`.

    `before` is what an earlier run with this output left: a `CheckpointBefore`, or what has the same
    attributes. Raises `UsageError` if the user says no, or asked to resume what does not match.
    """
    if settings.resume is False or not before.read():
        if settings.resume:
            before.check_carrier()
        return _start_over(settings, person, before)
    difference, remedy = before.difference(matching)
    if difference:
        _check_discard(difference, remedy, settings, person, before)
        return _start_over(settings, person, before)
    choice = RESUME if settings.resume else person.choose(
        '{0} rows of an earlier run are in {1}. Resume, start over or quit?'.format(before.rows, before.place),
        '--resume, --no-resume, --yes or --no')
    if choice == QUIT:
        raise UsageError('kept', file_kind='checkpoint')
    if choice == RESUME:
        _check_bad_rows(settings, person, before, before.owns_bad_rows())
        return before.start
    return _start_over(settings, person, before, sure=choice == START_OVER)


class CheckpointBefore(object):
    """What an earlier run on one machine left: its checkpoint.

    `descriptor` is that of the locked checkpoint, None for an output without one.
    """

    def __init__(self, settings, dataset, descriptor):
        # Where its rows are.
        self.place = settings.out
        # The `Start` of a run that goes on from it, once `difference` has been asked.
        self.start = None
        self._settings = settings
        self._dataset = dataset
        self._descriptor = descriptor
        self._found = self._damage = None

    def read(self):
        """Whether there is anything to go on from, or that seems so."""
        if self._descriptor is not None:
            self._found, self._damage = checkpoint.load(
                self._descriptor, self._settings.out, self._settings.bad_rows)
        return bool(self._found or self._damage)

    def check_carrier(self):
        """Raises `UsageError` if there is a run with --scheduler to go on from."""
        if os.path.isdir(locations.run_directory(self._settings.out)):
            raise UsageError('other_carrier', file=self._settings.out, how='with')

    def difference(self, matching):
        """(why it does not fit, what to do about it), in words; (None, None): it fits."""
        if self._damage:
            return self._damage, AS_BEFORE
        if self._settings.reads_stdin:
            return 'standard input cannot be read again', AS_BEFORE
        self.start, difference, remedy = _fit(
            self._found, self._dataset, matching, self._settings)
        return difference, remedy

    @property
    def rows(self):
        """How many rows the earlier run has in its output; None: unknown."""
        return None if self._damage else checkpoint.rows_in_output(self._found.state())

    def owns_bad_rows(self):
        """Whether --bad_rows names the file of the earlier run."""
        path, bad = self._settings.bad_rows, self._found.get('bad')
        return bool(path and bad) and os.path.realpath(path) == os.path.realpath(
            checkpoint.path_of(bad['name'], self._settings.out))

    def exists(self, name):
        """Whether there is a file, or an object, with a name."""
        return os.path.lexists(name)

    def discard(self):
        """The `Start` of a run that does not go on; the writer discards the rest."""
        return Start(resumed=None, position=self._dataset.start,
                     digests=self._dataset.header_digests(), labels=None, nulls=0, bad=0,
                     tally=RowStatistics())


def leaves_nothing(out):
    """Whether there is an output at a path, and nothing that a run could go on from."""
    return (os.path.isfile(out) and os.path.getsize(out) > 0 and not os.path.lexists(checkpoint.path_for(out))
            and not os.path.isdir(locations.run_directory(out)))


def _check_discard(difference, remedy, settings, person, before):
    """Raises `UsageError` unless a checkpoint that does not fit may be discarded."""
    if settings.resume:
        raise cannot_resume(as_path(settings.out), difference, remedy)
    earlier = 'an earlier run' if before.rows is None else 'an earlier run with {0} rows'.format(before.rows)
    question = 'The checkpoint of {0} does not match: {1}. Discard it and start over?'
    if not person.ask(question.format(earlier, difference), '--yes, --no or --no-resume'):
        raise UsageError('kept', file_kind='checkpoint')
    if settings.yes:
        line = 'The checkpoint of {0} is discarded, since it does not match: {1}.'.format(earlier, difference)
        LOGGER.warning('%s', line)
        person.warn(line)


def cannot_resume(out, difference, remedy=AS_BEFORE):
    """The error for a run that is to go on with other settings or data."""
    return UsageError('cannot_resume', file=out, difference=difference, remedy=remedy)


def say_what_is_kept(error, line, progress):
    """Says it, if there is a line: before an error, which has a hint, and after the news that the run was stopped."""
    if isinstance(error, Stopped):
        error.facts['hint'] = line
    elif line:
        LOGGER.info('%s', line)
        progress.say(line)


def _start_over(settings, person, before, sure=False):
    # `sure`: the user has said so, and knows what is lost.
    if not sure:
        if not settings.writes_stdout:
            _ask_to_overwrite('output', settings.out, person, before, settings.resume)
        _ask_to_overwrite('report', settings.report, person, before)
    _check_bad_rows(settings, person, before, sure and before.owns_bad_rows())
    return before.discard()


def _check_bad_rows(settings, person, before, is_own):
    path = as_path(settings.bad_rows)
    if path and lock.is_locked(path):
        raise lock.locked_by_another(path).as_usage()
    if not is_own:
        _ask_to_overwrite(bad_rows.WHAT, settings.bad_rows, person, before)


def _ask_to_overwrite(what, name, person, before, to_resume=False):
    """Raises `UsageError` unless what is there, a file or an object, may be overwritten.

    `to_resume`: it was to be resumed, and has no checkpoint.
    """
    if not name or not before.exists(name):
        return
    name = as_path(name)
    question = 'The {0} {1} exists. Overwrite it?'.format(what, name)
    if to_resume:
        question = ('Nothing to resume: the {0} {1} has no checkpoint, so its run was complete. Overwrite '
                    'it?'.format(what, name))
    if not person.ask(question, '--yes or --no'):
        raise UsageError('kept', file_kind=what)


def _fit(newest, dataset, matching, settings):
    """(Start, None, None), or (None, the difference in words, what to do about it)."""
    state = newest.state()
    before, bad = state['run'], state['bad']
    if bad and bad['rows'] and not (settings.bad_rows and checkpoint.may_be_read(
            bad['name'], settings.out, settings.bad_rows)):
        return (None,) + differs(
            'bad_rows', {'bad_rows': bad['name']}, {'bad_rows': settings.bad_rows})
    changed = what_changed(before, matching)
    # The rows that follow may need another encoding. Whether those that were scored are the
    # same in it is clear from their digest, which is one of their text.
    if changed and changed != ['encoding']:
        return (None,) + differs(changed[0], before, matching)
    if lacks_types(before, matching):
        return None, NO_TYPES, AS_BEFORE
    line, digests = _read_committed(dataset, state['digests'])
    if digests is None and changed:
        return (None,) + differs('encoding', before, matching)
    if digests is None:
        return None, 'the dataset differs in the rows that were scored', AS_BEFORE
    labels = None if state['labels'] is None else tuple(state['labels'])
    position = Position(state['rows'], digests[-1][0], line)
    return Start(resumed=newest.dict.serial, position=position, digests=digests, labels=labels,
                 nulls=state['nulls'], bad=bad['rows'] if bad else 0,
                 tally=restored(state['figures']) if state['length'] else RowStatistics(),
                 types=before.get('column types'), short=checks.short_of(state['short'])), None, None


def _read_committed(dataset, digests):
    reader = dataset.read_from(0)
    try:
        return read_back(reader, digests, 0 if dataset.kind else 1)
    except (DatasetError, UndecodableInput):
        return None, None
    finally:
        reader.close()


def differs(name, before, now):
    """(what differs in a setting of two dicts, what to do about it), in words."""
    return _difference(name, before.get(name), now.get(name)), _remedy(name, before.get(name))


def _difference(name, before, now):
    if name == 'header':
        return 'the header of the dataset differs'
    if name == 'typed':
        return 'the requests were {0} and are {1}'.format(*('JSON' if typed else 'CSV' for typed in (before, now)))
    if name == 'types':
        return 'the types of --types differ'
    if name in IDS + ('command', 'linesep'):
        return '{0} was {1} and is {2}'.format(name, before, now)
    if name == 'path of host':
        return 'the path of --host was {0} and is {1}'.format(before or '/', now or '/')
    return '--{0} was {1} and is {2}'.format(name, _shown(before), _shown(now))


def _remedy(name, before):
    # It is the beginning of a hint.
    if name == 'typed':
        return 'Give --request_format={0} as before'.format('json' if before else 'csv')
    if name in IDS or name in ('header', 'command', 'linesep', 'path of host', 'types'):
        return AS_BEFORE
    if before in (None, '', False, []):
        return 'Leave out --{0} as before'.format(name)
    if before is True:
        return 'Give --{0} as before'.format(name)
    value = ','.join(before) if isinstance(before, list) else '{0}'.format(before)
    if not PLAIN.match(value.replace(',', '')):
        return AS_BEFORE
    return 'Give --{0}={1} as before'.format(name, value)


def _shown(value):
    if isinstance(value, list):
        value = checks.a_few(value, ',')
    return 'not given' if value in (None, '', False) else '{0}'.format(value)
