"""Which processes of a cluster there are, replayed: what is heard and seen, second by second."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.cluster.shares import MAX_PAUSE, SILENT, TO_BEGIN, WITHOUT_ANY, Processes

# (name, [(second, 'heard', process) or (second, 'look', processes or None)],
#  those that may score then, those that are silent)
HISTORIES = [
    ('both are heard', [(0, 'heard', 'a'), (0, 'heard', 'b'), (1, 'look', 'ab')], 'ab', ''),
    ('one is gone', [(0, 'heard', 'a'), (0, 'heard', 'b'), (1, 'look', 'a')], 'a', ''),
    ('one is frozen', [(0, 'heard', 'a'), (0, 'heard', 'b'), (SILENT, 'heard', 'a'),
                       (SILENT + 1, 'look', 'ab')], 'a', 'b'),
    ('a frozen one is heard again', [(0, 'heard', 'a'), (SILENT + 1, 'look', 'a'),
                                     (SILENT + 2, 'heard', 'a')], 'a', ''),
    ('a frozen one that is gone is not silent', [
        (0, 'heard', 'a'), (0, 'heard', 'b'), (SILENT, 'heard', 'b'), (SILENT + 1, 'look', 'ab'),
        (SILENT + 2, 'look', 'b')], 'b', ''),
    ('the scheduler does not answer', [(0, 'heard', 'a'), (1, 'look', None)], 'a', ''),
    ('one that never says a word', [(0, 'look', 'ab'), (0, 'heard', 'a'), (SILENT, 'heard', 'a'),
                                    (SILENT + 1, 'look', 'ab')], 'a', 'b'),
]


@pytest.mark.parametrize('history, scoring, silent', [each[1:] for each in HISTORIES],
                         ids=[each[0] for each in HISTORIES])
def test_a_process_scores_while_it_is_there_and_heard(history, scoring, silent):
    processes, now, living = Processes(4, None, 0.0), 0, None
    for second, what, names in history:
        # The client looks all the time, and sees what it saw last.
        for between in range(now + 1, int(second)):
            processes.look(living, between)
        now = int(second)
        if what == 'heard':
            processes.heard(names, 0, 0, 1, False, second)
        else:
            living = None if names is None else set(names)
            processes.look(living, second)
    assert processes.shares.processes == processes.allowed(scores=True) == list(scoring)
    assert processes.silent == set(silent)
    # Dask takes a frozen one for idle: no task is left to it.
    assert processes.allowed(scores=False) == (list(scoring) if silent else None)


def test_nothing_is_sent_until_all_that_were_there_have_said_what_they_have():
    processes = Processes(4, None, 0.0)
    processes.begin(['a', 'b'], 1.0)
    processes.heard('a', 3, 0, 1, False, 2.0)
    assert processes.assign(2.0) == {}
    processes.heard('b', 0, 0, 1, False, 3.0)
    assert processes.assign(3.0) == {'a': 2, 'b': 1}


def test_one_that_says_nothing_is_not_waited_for_without_end():
    processes = Processes(4, None, 0.0)
    processes.begin(['a', 'b'], 1.0)
    processes.heard('a', 0, 0, 1, False, 2.0)
    assert processes.assign(1.0 + TO_BEGIN) == {}
    assert processes.assign(1.1 + TO_BEGIN) == {'a': 4}


def test_the_time_without_any_counts_only_while_the_client_could_look():
    processes = Processes(4, None, 0.0)
    for second in range(20):
        processes.look(set(), second)
        assert processes.seconds_without(second) == second
    # The client was suspended.
    assert processes.seconds_without(20.0 + WITHOUT_ANY) == 19 + MAX_PAUSE < WITHOUT_ANY


def test_no_process_is_taken_for_lost_since_the_client_was_suspended():
    processes = Processes(4, None, 0.0)
    for second in range(5):
        processes.heard('a', 0, 0, 1, False, second)
        processes.look({'a'}, second)
    processes.look({'a'}, 1000.0)
    assert not processes.silent
    for second in range(1001, 1007):
        processes.look({'a'}, second)
    assert processes.silent == {'a'}


def test_all_are_closed_once_each_has_said_so():
    processes = Processes(4, None, 0.0)
    processes.heard('a', 0, 0, 1, False, 1.0)
    processes.heard('b', 0, 0, 1, True, 1.0)
    assert not processes.all_closed
    processes.heard('a', 0, 0, 1, True, 2.0)
    assert processes.all_closed
