"""The writer: what comes through the pipes of the workers goes to the sink, and all are told what is committed."""

from __future__ import absolute_import, unicode_literals

import io
import multiprocessing
import os

import pytest

from datarobot_batch_scoring.dataset.checks import Short
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local import messages, writer
from datarobot_batch_scoring.output import lock
from datarobot_batch_scoring.scoring import events
from sinks import LAYOUT, MATCHING, PLAN, accepted, bad_lines_of, digests, rejected, rows_of


class Parent(object):
    def __init__(self):
        self.told = []
        self.tell = self.told.append

    def of(self, kind):
        return [event for event in self.told if isinstance(event, kind)]


class Run(object):
    """A writer whose workers say something before it starts; None: the pipe of one ends."""

    def __init__(self, folder, *workers, **sink):
        self.parent, self.out = Parent(), folder('out.csv')
        self.acks, to_batcher = multiprocessing.Pipe(False)
        self.pipes, ours = [self.acks, to_batcher], []
        for said in workers:
            end, other = multiprocessing.Pipe(False)
            ours.append(end)
            self.pipes += [end, other]
            for message in said:
                if message is None:
                    other.close()
                else:
                    other.send(message)
        self._writer = writer.Writer(self.parent, self.plan(folder, **sink), ours, to_batcher)

    def plan(self, folder, stream=None, **sink):
        locked = lock.LockedFile(self.out)
        seen = locked.snapshot()
        locked.close()
        sink = PLAN._replace(bad_rows=folder('bad.csv'), **sink)
        return writer.WriterPlan(
            sink=sink, path=self.out, stream=stream, matching=MATCHING, resume=None, digests=digests(0),
            seen=seen, input_header=b'x,y\n')

    def work(self):
        self._writer.work()
        return self

    def acknowledged(self):
        found = []
        while self.acks.poll():
            found.append(self.acks.recv())
        return found

    def close(self):
        for pipe in self.pipes:
            pipe.close()


@pytest.fixture
def run(folder):
    started = []

    def begin(*workers, **sink):
        started.append(Run(folder, *workers, **sink))
        return started[-1]
    yield begin
    for each in started:
        each.close()


def read(path):
    with io.open(path, 'rb') as stream:
        return stream.read()


def test_the_rows_of_two_workers_are_in_order_and_the_run_is_complete(run):
    done = run([accepted(3, 2), accepted(0), messages.WorkerDone(6)],
               [accepted(5), accepted(1, 2), messages.WorkerDone(6)]).work()
    assert read(done.out) == rows_of(6)
    size = len(rows_of(6))
    assert done.parent.told[-1] == messages.Finished(6, 0, size, 0)
    assert [event.rows for event in done.parent.of(messages.Written)][-1] == 6
    assert done.acknowledged()[-1] == messages.Committed(6)
    assert not os.path.exists(done.out + '.shelve')


INCOMPLETE = [
    ('a worker that was stopped', [accepted(0), messages.WorkerDone(None)]),
    ('a worker that is gone', [accepted(0), None]),
    ('rows that never came', [accepted(0), messages.WorkerDone(2)]),
]


@pytest.mark.parametrize('said', [each[1] for each in INCOMPLETE], ids=[each[0] for each in INCOMPLETE])
def test_what_is_incomplete_is_committed_and_can_be_resumed(run, said):
    done = run(said).work()
    assert read(done.out) == rows_of(1)
    assert done.parent.of(messages.Finished) == []
    assert os.path.getsize(done.out + '.shelve')


def test_rows_that_are_set_aside_are_told_with_their_lines(run):
    done = run([rejected(0), rejected(1), accepted(2), messages.WorkerDone(3)]).work()
    assert read(done.out) == rows_of(3, bad=[0, 1])
    assert read(os.path.join(os.path.dirname(done.out), 'bad.csv')) == bad_lines_of([0, 1])
    assert done.parent.of(messages.SetAside) == [
        messages.SetAside(0, 2, 'reason 0'), messages.SetAside(1, 3, 'reason 1')]
    assert done.acknowledged() == [messages.Rejected(1), messages.Rejected(2), messages.Committed(3)]


def test_rejected_rows_only_end_the_run(run):
    with pytest.raises(ScoringError) as raised:
        run([rejected(0), messages.WorkerDone(1)]).work()
    assert raised.value.kind == 'none_accepted'


def test_short_records_are_warned_of_once_by_the_first_line(run):
    done = run([accepted(0)._replace(short=Short(1, (2,))), accepted(1)._replace(short=Short(1, (3,))),
                messages.WorkerDone(2)]).work()
    warned, = done.parent.of(events.Warned)
    assert warned.kind == 'short' and '2' in warned.line
    assert done.parent.of(messages.Written)[-1].short.count == 2


def test_a_batcher_that_has_read_everything_may_be_gone(run):
    begun = run([accepted(0), messages.WorkerDone(1)])
    begun.acks.close()
    assert begun.work().parent.of(messages.Finished)


def test_the_tally_is_told_where_a_report_is_wanted(run):
    plain = run([accepted(0), messages.WorkerDone(1)]).work()
    assert plain.parent.of(messages.Written)[-1].tally is None
    counted = run([accepted(0), messages.WorkerDone(1)], layout=LAYOUT._replace(counted=True)).work()
    assert counted.parent.of(messages.Written)[-1].tally is not None


def test_an_output_that_changed_since_the_question_is_left_alone(folder, monkeypatch):
    plan = Run.plan

    def change(run, folder, **sink):
        made = plan(run, folder, **sink)
        folder.write('out.csv', b'others')
        return made
    monkeypatch.setattr(Run, 'plan', change)
    with pytest.raises(ScoringError) as raised:
        Run(folder)
    assert raised.value.kind == 'overtaken' and read(folder('out.csv')) == b'others'
