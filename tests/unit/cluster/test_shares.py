"""Requests in flight are spread over processes that come and go, and never exceed the limit."""

from __future__ import absolute_import, unicode_literals

import random

import pytest

from datarobot_batch_scoring.cluster.shares import Shares


def test_a_limit_is_spread_evenly():
    shares = Shares(5)
    for process in ('a', 'b'):
        shares.heard(process, 0, 0)
    assert shares.assign() == {'a': 3, 'b': 2}


def test_of_more_processes_than_requests_the_last_have_none():
    shares = Shares(2)
    for process in ('c', 'a', 'b'):
        shares.heard(process, 0, 0)
    assert shares.assign() == {'c': 1, 'a': 1, 'b': 0}
    assert shares.processes == ['c', 'a']


def test_no_process_has_more_than_each_may_have():
    shares = Shares(100, most_each=64)
    shares.heard('a', 0, 0)
    assert shares.assign() == {'a': 64}
    shares.heard('b', 0, 0)
    assert shares.assign() == {'a': 50, 'b': 36}


def test_one_process_can_have_all():
    shares = Shares(4)
    shares.one_by_one = True
    for process in ('a', 'b'):
        shares.heard(process, 0, 0)
    assert shares.assign() == {'a': 4, 'b': 0}


def test_a_process_that_comes_gets_what_another_has_given_up():
    shares = Shares(4)
    shares.heard('a', 0, 0)
    assert shares.assign() == {'a': 4}
    shares.heard('a', 4, shares.number)
    shares.heard('b', 0, 0)
    assert shares.assign() == {'a': 2, 'b': 0}
    told = shares.number
    shares.heard('a', 4, told - 1)
    assert shares.assign() == {'a': 2, 'b': 0}
    shares.heard('a', 3, told)
    assert shares.assign() == {'a': 2, 'b': 1}
    shares.heard('a', 2, told)
    assert shares.assign() == {'a': 2, 'b': 2}


def test_at_the_end_what_a_process_without_a_task_had_goes_to_the_others():
    shares = Shares(4)
    shares.tasks = 3
    for process in ('a', 'b'):
        shares.heard(process, 0, 0, jobs=1)
    assert shares.assign() == {'a': 2, 'b': 2}
    # A task is left that it may get.
    shares.tasks = 2
    shares.heard('b', 2, shares.number, jobs=0)
    assert shares.assign() == {'a': 2, 'b': 2}
    shares.tasks = 1
    assert shares.assign() == {'a': 2, 'b': 0}
    shares.heard('b', 0, shares.number, jobs=0)
    assert shares.assign() == {'a': 4, 'b': 0}
    # Its process is lost.
    shares.gone('a')
    assert shares.assign() == {'b': 4}


def test_what_a_lost_process_had_goes_to_the_others():
    shares = Shares(4)
    for process in ('a', 'b'):
        shares.heard(process, 0, 0)
    shares.assign()
    shares.gone('a')
    assert shares.assign() == {'b': 4}


@pytest.mark.parametrize('seed', range(10))
def test_there_are_never_more_requests_than_the_limit(seed):
    """Processes begin requests whenever they may, and both sides hear late of the other."""
    source = random.Random(seed)
    most = source.randint(1, 9)
    shares = Shares(most)
    processes = {name: Process() for name in 'abcdef'}
    for _ in range(2000):
        name = source.choice('abcdef')
        process = processes[name]
        step = source.choice(['begin', 'end', 'say', 'hear', 'be heard', 'assign'])
        if step == 'begin' and process.held < process.limit:
            process.held += 1
        elif step == 'end' and process.held:
            process.held -= 1
        elif step == 'say':
            process.said.append((max(process.held, process.limit), process.number))
        elif step == 'hear' and process.told:
            process.limit, process.number = process.told.pop(0)
        elif step == 'be heard' and process.said:
            shares.heard(name, *process.said.pop(0))
        elif step == 'assign':
            for each, share in shares.assign().items():
                processes[each].told.append((share, shares.number))
        assert sum(each.held for each in processes.values()) <= most
    # Once all have heard of each other, the limit is reached.
    for _ in range(3):
        for name, process in processes.items():
            for process.limit, process.number in process.told:
                pass
            process.told, process.held = [], process.limit
            shares.heard(name, process.limit, process.number)
        for each, share in shares.assign().items():
            processes[each].told.append((share, shares.number))
    assert sum(each.held for each in processes.values()) == most


class Process(object):
    """What one knows, and messages on their way to it (`told`) and from it (`said`)."""

    def __init__(self):
        self.held = self.limit = self.number = 0
        self.told, self.said = [], []
