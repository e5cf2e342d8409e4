"""The policy: what becomes of a batch with that outcome and that history."""

from __future__ import absolute_import, unicode_literals

import pytest

from datarobot_batch_scoring.scoring import policy
from datarobot_batch_scoring.scoring.policy import (
    AGAIN, BLAMED, DONE, END, FATAL, GOOD, GUILTY, INNOCENT, INVALID, MAY_BE_ROWS, NAME, OVERLOADED,
    REFUSED, REJECTED, RETRY, ROW_ERROR, ROWS_LOST, SEARCH, SET_ASIDE, SPLIT, SPLIT_BLAMED, SPLIT_REJECTED,
    SPLIT_SMALLER, TIMEOUT, TOO_MUCH, WAIT, WARN)
from datarobot_batch_scoring.server.protocols import base

ALONE = policy.Facts(rows=10, n_retry=-1, sets_aside=False, accepted=True, others=False,
                     searched=False)
OTHERS = ALONE._replace(others=True)
ASIDE = OTHERS._replace(sets_aside=True)
FIRST = ALONE._replace(accepted=False)
FEW = ALONE._replace(n_retry=2)


def row(facts):
    """The same facts of a single row."""
    return facts._replace(rows=1)


# (name, facts, causes of being split, outcomes one after another, their actions).
HISTORIES = [
    ('an answer is all', ALONE, (), [GOOD], [DONE]),
    ('what fails is sent again without end', ALONE, (), 50 * [RETRY], 50 * [AGAIN]),
    ('until its attempts are used up', FEW, (), 3 * [RETRY], [AGAIN, AGAIN, END]),
    ('or set aside once others succeed', FEW._replace(sets_aside=True), (), 3 * [RETRY],
     [AGAIN, AGAIN, WAIT]),
    ('no attempt may be the only one', ALONE._replace(n_retry=0), (), [RETRY], [END]),
    ('a full server is asked again', FEW, (), [OVERLOADED, OVERLOADED, OVERLOADED], [AGAIN, AGAIN, END]),
    ('what is late once is sent again, and then split', ALONE, (), [TIMEOUT, TIMEOUT],
     [AGAIN, SPLIT_SMALLER]),
    ('a half that is late is split at once', ALONE, (TOO_MUCH,), [TIMEOUT], [SPLIT_SMALLER]),
    ('a row that is late cannot be', row(ALONE), (TOO_MUCH,), [TIMEOUT, TIMEOUT], [AGAIN, AGAIN]),
    ('what is too large is split', ALONE, (), [SPLIT], [SPLIT_SMALLER]),
    ('a row that is too large ends the run', row(ALONE), (), [SPLIT], [END]),
    ('or waits for others', row(ASIDE), (), [SPLIT], [WAIT]),
    ('ten invalid answers may be by chance', ALONE, (), 11 * [INVALID], 10 * [AGAIN] + [END]),
    ('one that lacks rows may', ALONE, (), 2 * [ROWS_LOST], [AGAIN, END]),
    ('they count as attempts too', FEW, (), 3 * [INVALID], [AGAIN, AGAIN, END]),
    ('what no other attempt can change ends the run', ASIDE, (), [FATAL], [END]),

    ('in an outage no rows are to blame', ALONE, (), 9 * [MAY_BE_ROWS], 9 * [AGAIN]),
    ('but while others succeed, they are', OTHERS, (), 3 * [MAY_BE_ROWS],
     [AGAIN, AGAIN, SPLIT_BLAMED]),
    ('a half of them is sooner', OTHERS, (BLAMED,), 2 * [MAY_BE_ROWS], [AGAIN, SPLIT_BLAMED]),
    ('whatever it fails with', OTHERS, (BLAMED,), 2 * [RETRY], [AGAIN, SPLIT_BLAMED]),
    ('the row is named and sent again', row(OTHERS), (BLAMED,), 4 * [MAY_BE_ROWS],
     [AGAIN, AGAIN, WARN, WARN]),
    ('or set aside', row(ASIDE), (BLAMED,), 3 * [MAY_BE_ROWS], [AGAIN, AGAIN, SET_ASIDE]),
    ('a row that fails otherwise is not to blame', row(ASIDE), (BLAMED,), 9 * [RETRY], 9 * [AGAIN]),
    ('few attempts are used up first', OTHERS._replace(n_retry=1), (), 2 * [MAY_BE_ROWS],
     [AGAIN, END]),

    ('rejected rows are split to set one aside', ASIDE, (), [REJECTED], [SPLIT_REJECTED]),
    ('which is rejected by itself', row(ASIDE), (REFUSED,), [REJECTED], [SET_ASIDE]),
    ('without the option they are searched for the one to name', ALONE, (), [REJECTED], [SEARCH]),
    ('and it is named', row(ALONE)._replace(searched=True), (REFUSED,), [REJECTED], [NAME]),
    ('before any row was accepted, they are not', FIRST, (), [REJECTED], [END]),
    ('a search ends with any other failure', ALONE._replace(searched=True), (REFUSED,), [RETRY],
     [END]),
    ('or a page', ALONE._replace(searched=True), (REFUSED,), [INVALID], [END]),
    ('or an answer that is late', ALONE._replace(searched=True), (REFUSED,), [TIMEOUT], [END]),
    ('a fault of the model may be an accident', ASIDE, (), [ROW_ERROR, ROW_ERROR],
     [AGAIN, SPLIT_REJECTED]),
    ('not in a half', ASIDE, (REFUSED,), [ROW_ERROR], [SPLIT_REJECTED]),
    ('a row by itself may be one, too', row(ASIDE), (REFUSED,), [ROW_ERROR, ROW_ERROR],
     [AGAIN, SET_ASIDE]),
    ('not without retries', ASIDE._replace(n_retry=0), (), [ROW_ERROR], [SPLIT_REJECTED]),
    ('and not in a search', ALONE._replace(searched=True), (REFUSED,), [ROW_ERROR], [SEARCH]),

    ('the guilty are split', ASIDE, (), [GUILTY], [SPLIT_BLAMED]),
    ('down to a row', row(ASIDE), (), [GUILTY], [SET_ASIDE]),
    ('if nobody is, it is the server', ASIDE, (), [INNOCENT], [END]),
]


@pytest.mark.parametrize('facts, causes, outcomes, actions', [history[1:] for history in HISTORIES],
                         ids=[history[0] for history in HISTORIES])
def test_a_batch_of_this_history_becomes_this(facts, causes, outcomes, actions):
    history, done = policy.NEW._replace(causes=causes), []
    for outcome in outcomes:
        action, history = policy.decide(outcome, history, facts)
        done.append(action)
    assert done == actions


# What most servers mean by a status, for a batch, with others that succeed.
STATUSES = [
    (400, SEARCH), (401, END), (403, END), (404, END), (408, AGAIN), (413, SPLIT_SMALLER),
    (422, SEARCH), (425, AGAIN), (429, AGAIN), (500, AGAIN), (501, END), (502, AGAIN),
    (503, AGAIN), (504, AGAIN), (505, END), (570, AGAIN), (599, AGAIN), (302, END)]


@pytest.mark.parametrize('status, action', STATUSES)
def test_what_a_status_does_to_a_batch_is_a_row_of_the_table(status, action):
    assert policy.decide(base.reaction_to(status), policy.NEW, OTHERS)[0] == action


def test_failed_probes_count_as_attempts():
    history = policy.NEW._replace(probes=2)
    assert policy.decide(RETRY, history, FEW)[0] == END
