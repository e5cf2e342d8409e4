"""Whether a run goes on from an earlier one, is asked, starts over, or ends: as tables."""

from __future__ import absolute_import, unicode_literals

import io

import pytest

from datarobot_batch_scoring import make_settings
from datarobot_batch_scoring.console.terminal import DECLINE, QUIT, RESUME, START_OVER
from datarobot_batch_scoring.dataset import inspect
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.output import lock
from datarobot_batch_scoring.run import resume
from sinks import MATCHING, Outputs, accepted, commit_all, rejected


class Person(object):
    """Answers questions as a script says; `asked` has their first words."""

    def __init__(self, answers):
        self._answers = list(answers)
        self.asked = []

    def ask(self, question, options):
        self.asked.append(' '.join(question.replace('The ', '').split()[:2]))
        return self._answers.pop(0)

    choose = ask

    def warn(self, line):
        pass


class Before(object):
    """What an earlier run left: nothing, or so many rows that fit or do not."""

    place = 'out.csv'

    def __init__(self, rows, difference, exists):
        self.rows = rows
        self._difference = difference
        self._exists = exists
        self.start = 'it goes on'

    def read(self):
        return self.rows > 0

    def check_carrier(self):
        if self.rows < 0:
            raise UsageError('other_carrier', file='out.csv', how='with')

    def difference(self, matching):
        return (self._difference, 'Do this') if self._difference else (None, None)

    def owns_bad_rows(self):
        return self.rows != 99

    def exists(self, name):
        return name.rpartition('.')[0] in self._exists

    def discard(self):
        return 'it starts over'


# --resume, rows there (-1: of the other carrier; 99: the bad rows are in another file), what
# differs, files that exist, answers; what comes of it, and what is asked.
DECISIONS = [
    (None, 0, None, '', [], 'it starts over', []),
    (None, 0, None, 'out report bad', [1, 1, 1], 'it starts over',
     ['output out.csv', 'report report.json', 'bad-rows file']),
    (None, 0, None, 'out', [0], 'kept', ['output out.csv']),
    (None, 0, None, 'report', [0], 'kept', ['report report.json']),
    (None, 0, None, 'bad', [0], 'kept', ['bad-rows file']),
    (True, 0, None, '', [], 'it starts over', []),
    (True, 0, None, 'out', [1], 'it starts over', ['Nothing to']),
    (True, -1, None, 'out', [], 'other_carrier', []),
    (None, -1, None, 'out', [1], 'it starts over', ['output out.csv']),
    (None, 7, None, 'out bad', [RESUME], 'it goes on', ['7 rows']),
    (True, 7, None, 'out bad', [], 'it goes on', []),
    (None, 7, None, 'out', [DECLINE, 1], 'it starts over', ['7 rows', 'output out.csv']),
    (None, 7, None, 'out', [DECLINE, 0], 'kept', ['7 rows', 'output out.csv']),
    (None, 7, None, 'out report bad', [START_OVER], 'it starts over', ['7 rows']),
    (None, 99, None, 'out report bad', [START_OVER, 1], 'it starts over', ['99 rows', 'bad-rows file']),
    (None, 7, None, 'out bad', [QUIT], 'kept', ['7 rows']),
    (True, 99, None, 'bad', [1], 'it goes on', ['bad-rows file']),
    (True, 99, None, 'bad', [0], 'kept', ['bad-rows file']),
    (False, 7, None, '', [], 'it starts over', []),
    (False, 7, 'it differs', 'out', [1], 'it starts over', ['output out.csv']),
    (True, 7, 'it differs', 'out', [], 'cannot_resume', []),
    (None, 7, 'it differs', 'out', [1, 1], 'it starts over', ['checkpoint of', 'output out.csv']),
    (None, 7, 'it differs', 'out', [0], 'kept', ['checkpoint of']),
]


def settings_for(folder, **options):
    folder.write('data.csv', b'x,y\n' + b''.join(b'%d,a\n' % row for row in range(9)))
    options = dict(dict(host='https://example.com', import_id='1', dataset=folder('data.csv'),
                        out=folder('out.csv')), **options)
    return make_settings('batch_scoring_sse', environ={}, **options)


@pytest.mark.parametrize('flag, rows, difference, exists, answers, outcome, asked', DECISIONS)
def test_what_is_decided(folder, flag, rows, difference, exists, answers, outcome, asked):
    settings = settings_for(folder)._replace(
        resume=flag, out='out.csv', report='report.json', bad_rows='bad.csv')
    person = Person(answers)
    try:
        found = resume.decide(settings, {}, person, Before(rows, difference, exists.split()))
    except UsageError as error:
        found = error.kind
    assert (found, person.asked) == (outcome, asked)


# --- a checkpoint ------------------------------------------------------------------------

@pytest.fixture
def outputs(folder):
    made = Outputs(folder, bad_rows='bad.csv')
    yield made
    made.abandon()


def look(settings, matching=None):
    """(the `CheckpointBefore` of a run with these settings, what differs)."""
    data = inspect.inspect(settings)
    locked = lock.LockedFile(settings.out)
    try:
        before = resume.CheckpointBefore(settings, data, locked.descriptor)
        return before, before.difference(matching or MATCHING)[0] if before.read() else 'nothing'
    finally:
        data.source.close()
        locked.close()


def interrupt(outputs, folder, rows=(4,)):
    """Leaves the output of rows that were scored, one batch for each number, and a bad row."""
    from datarobot_batch_scoring.dataset.changes import Digest
    settings = settings_for(folder)
    data = inspect.inspect(settings)
    data.source.close()
    digest = Digest(data.header_digests(), data.start.byte)
    sink, first = outputs.open(), 0
    for count in rows:
        digest.add(b''.join(b'%d,a\n' % row for row in range(first, first + count)))
        sink.add(accepted(first, count, digests=digest.segments))
        first += count
    digest.add(b'%d,a\n' % first)
    sink.add(rejected(first)._replace(digests=digest.segments))
    commit_all(sink)
    sink.close(complete=False)


def test_nothing_is_there_to_go_on_from(folder):
    assert look(settings_for(folder))[1] == 'nothing'


def test_a_run_goes_on_from_what_was_committed(outputs, folder):
    interrupt(outputs, folder)
    before, difference = look(settings_for(folder, bad_rows=folder('bad.csv')))
    assert difference is None
    start = before.start
    assert (start.position.row, start.labels, start.nulls, start.bad) == (5, ('p',), 0, 1)
    assert start.position.byte == len(b'x,y\n') + 5 * len(b'0,a\n') and start.position.line == 7
    assert (before.rows, before.owns_bad_rows()) == (5, True)


def edit(folder, old, new):
    folder.write('data.csv', folder.read_raw('data.csv').replace(old, new))


DIFFERENCES = [
    ('the dataset differs in the rows that were scored', b'3,a', b'3,b', {}),
    (None, b'7,a', b'7,b', {}),
    ('command was batch_scoring and is batch_scoring_sse', b'', b'',
     {'command': 'batch_scoring_sse'}),
    ('--keep_cols was not given and is x,y', b'', b'', {'keep_cols': ['x', 'y']}),
    ('the path of --host was / and is /api', b'', b'', {'path of host': '/api'}),
    ('the header of the dataset differs', b'', b'', {'header': ['z']}),
]


@pytest.mark.parametrize('difference, old, new, matching', DIFFERENCES)
def test_what_does_not_fit_is_said(outputs, folder, difference, old, new, matching):
    interrupt(outputs, folder)
    settings = settings_for(folder, bad_rows=folder('bad.csv'))
    if old:
        edit(folder, old, new)
    assert look(settings, dict(MATCHING, **matching))[1] == difference


def test_the_file_of_the_bad_rows_must_be_given_again(outputs, folder):
    interrupt(outputs, folder)
    assert look(settings_for(folder))[1] == '--bad_rows was bad.csv and is not given'
    before, difference = look(settings_for(folder, bad_rows=folder('other.csv')))
    assert (difference, before.owns_bad_rows()) == (None, False)


def test_a_torn_checkpoint_is_damaged(outputs, folder):
    interrupt(outputs, folder)
    size = len(folder.read_raw('out.csv.shelve')) // 3
    with io.open(folder('out.csv.shelve'), 'r+b') as torn:
        for slot in range(3):
            torn.seek(slot * size + 30)
            torn.write(b'torn')
    assert look(settings_for(folder))[1] == 'it is damaged'


@pytest.mark.parametrize('name, before, remedy', [
    ('pred_name', 'p', 'Give --pred_name=p as before'), ('pred_name', None, 'Leave out --pred_name as before'),
    ('skip_row_id', True, 'Give --skip_row_id as before'), ('keep_cols', ['a', 'b'], 'Give --keep_cols=a,b as before'),
    ('pred_name', 'a b', resume.AS_BEFORE), ('import_id', '1', resume.AS_BEFORE)])
def test_what_to_do_about_a_difference(name, before, remedy):
    assert resume.differs(name, {name: before}, {name: 'other'})[1] == remedy
