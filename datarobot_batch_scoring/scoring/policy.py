"""What becomes of a batch: a table from the outcome of an attempt, and its history, to an action.

It has no clock, no thread and no state: `decide` is a function of plain values.
"""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

from datarobot_batch_scoring.server.protocols import base

# Outcomes of an attempt: what a protocol makes of a status, and ...
RETRY, MAY_BE_ROWS, TIMEOUT, OVERLOADED = base.RETRY, base.MAY_BE_ROWS, base.TIMEOUT, base.OVERLOADED
SPLIT, REJECTED, ROW_ERROR, FATAL = base.SPLIT, base.REJECTED, base.ROW_ERROR, base.FATAL
# ... an answer; one that is not valid, or lacks rows; and what becomes of a batch whose
# verdict is known.
GOOD, INVALID, ROWS_LOST = 'good', 'invalid', 'rows lost'
GUILTY, INNOCENT = 'guilty', 'innocent'
# It was not sent, since some of its records cannot be.
UNSENDABLE = 'unsendable'


class Outcome(namedtuple('Outcome', [
        'kind',      # one of those above
        'reason',    # one line of text: why it failed
        'word',      # for the statistics: '503', 'timeout', 'connection'
        'at_least',  # seconds that the server asked to wait
        'error',     # a ScoringError to end the run with; None: `reason` says it
        'short',     # the warning about a record with too few fields in a rejected batch, or ''
        'heard',     # True: the server has answered something
        'scored',    # events.Scored, without its digests
        'figures',   # events.Answered, but for how long a thread was busy
        'request_id',  # the number that the server gave the request, as text to append, or ''
        'faults',    # the `checks.Fault`s of what is unsendable
        'requests'])):  # how many were sent, such as those that ask whether the server is ready
    """What became of a request."""

    __slots__ = ()

    def __new__(cls, kind, reason='', word='', at_least=0.0, error=None, short='', heard=True,
                scored=None, figures=None, request_id='', faults=(), requests=1):
        return super(Outcome, cls).__new__(
            cls, kind, reason, word, at_least, error, short, heard, scored, figures, request_id,
            faults, requests)

    @property
    def told(self):
        """The reason for the log, with the number of the request."""
        return self.reason + self.request_id


# Why a batch is split: it was too large or too late; its rows were rejected; it failed while
# others succeeded; it has records that cannot be sent.
TOO_MUCH, REFUSED, BLAMED, FAULTS = 'too much', 'refused', 'blamed', 'faults'

# Actions. All but the first three and the last say why with one of the causes above.
Action = namedtuple('Action', 'name cause')
DONE = Action('done', None)
AGAIN = Action('again', None)
WARN = Action('warn', None)  # again, and the user is told of the row
SPLIT_SMALLER = Action('split', TOO_MUCH)
SPLIT_REJECTED = Action('split', REFUSED)
SPLIT_BLAMED = Action('split', BLAMED)
SEARCH = Action('search', REFUSED)  # split to name the one row that is rejected
NAME = Action('name', REFUSED)  # it is a single row that is rejected
SET_ASIDE = Action('set aside', BLAMED)
TAKE_OUT = Action('take out', FAULTS)  # what cannot be sent is set aside, and the rest is sent
WAIT = Action('wait', BLAMED)  # for a verdict
END = Action('end', None)  # the run, with an error

# Invalid answers before a batch is given up; where one with too few rows is the model's doing,
# one is enough to know.
MAX_INVALID_RESPONSES = 10
MAX_ROWS_LOST = 1
# A batch is to blame once it has failed this often while others succeeded; half of such a
# batch is to blame sooner, unless it is a single row.
FAILURES_TO_BLAME = 3
FAILURES_OF_HALF = 2

# What has happened to a batch, or to the part of one that it is.
History = namedtuple('History', [
    'attempts',  # that failed
    'probes',    # failed requests of other batches that counted for all, as the server was down
    'timeouts',
    'invalid',   # answers that were not valid
    'faults',    # answers that blamed the data or the model
    'alone',     # failures while others succeeded
    'causes',    # why it was split, and split again
])
NEW = History(0, 0, 0, 0, 0, 0, ())

# What else a decision depends on.
Facts = namedtuple('Facts', [
    'rows',
    'n_retry',     # attempts after the first; -1: no limit
    'sets_aside',  # True: rows that are to blame are set aside
    'accepted',    # True: a row of the run has been accepted
    'others',      # True: others have succeeded since it last failed
    'searched',    # True: it is part of a search for the row to blame
])


def _always(history, facts):
    return True


def _several(history, facts):
    return facts.rows > 1


def _sets_aside(history, facts):
    return facts.sets_aside


def _searched(history, facts):
    return facts.searched


def _nothing_accepted(history, facts):
    return not facts.accepted


def _late_again(history, facts):
    return facts.rows > 1 and (history.timeouts > 1 or TOO_MUCH in history.causes)


def _used_up(history, facts):
    return is_used_up(history, facts.n_retry)


def _to_blame(history, facts):
    half = _blamed_half(history, facts)
    return history.alone >= (FAILURES_OF_HALF if half else FAILURES_TO_BLAME)


def _blamed_half(history, facts):
    return BLAMED in history.causes and facts.rows > 1


def _half_to_blame(history, facts):
    return _blamed_half(history, facts) and _to_blame(history, facts)


def _too_many_invalid(history, facts):
    return history.invalid > MAX_INVALID_RESPONSES


def _too_many_lost(history, facts):
    return history.invalid > MAX_ROWS_LOST


def _may_be_accident(history, facts):
    split = REFUSED in history.causes and facts.rows > 1
    return history.faults == 1 and not split and facts.n_retry != 0 and not facts.searched


# Rules, of which the first whose condition holds applies; its action may be more rules.
_GIVE_UP = ((_searched, END), (_sets_aside, WAIT), (_always, END))
_CONDEMN = ((_several, SPLIT_BLAMED), (_always, SET_ASIDE))
_TRY_AGAIN = (
    (_searched, END),
    (_half_to_blame, SPLIT_BLAMED),
    (_used_up, _GIVE_UP),
    (_always, AGAIN),
)
_BLAME = (
    (_several, SPLIT_BLAMED),
    (_sets_aside, SET_ASIDE),
    (_used_up, _GIVE_UP),
    (_always, WARN),
)
_REJECT = (
    (_sets_aside, ((_several, SPLIT_REJECTED), (_always, SET_ASIDE))),
    (_nothing_accepted, END),
    (_several, SEARCH),
    (_always, NAME),
)

TABLE = {
    GOOD: ((_always, DONE),),
    RETRY: _TRY_AGAIN,
    OVERLOADED: _TRY_AGAIN,
    MAY_BE_ROWS: ((_searched, END), (_to_blame, _BLAME), (_always, _TRY_AGAIN)),
    TIMEOUT: ((_searched, END), (_late_again, SPLIT_SMALLER), (_always, _TRY_AGAIN)),
    SPLIT: ((_searched, END), (_several, SPLIT_SMALLER), (_always, _GIVE_UP)),
    INVALID: ((_too_many_invalid, _GIVE_UP), (_always, _TRY_AGAIN)),
    ROWS_LOST: ((_too_many_lost, _GIVE_UP), (_always, _TRY_AGAIN)),
    ROW_ERROR: ((_may_be_accident, _TRY_AGAIN), (_always, _REJECT)),
    REJECTED: _REJECT,
    FATAL: ((_always, END),),
    UNSENDABLE: ((_sets_aside, TAKE_OUT), (_always, END)),
    GUILTY: _CONDEMN,
    INNOCENT: ((_always, END),),
}


def is_used_up(history, n_retry):
    """Whether all attempts that `n_retry` allows have failed."""
    return 0 <= n_retry < history.attempts + history.probes


def decide(outcome, history, facts):
    """(action, history with the outcome in it) of a batch with that outcome."""
    history = _noted(outcome, history, facts)
    action = TABLE[outcome]
    while not isinstance(action, Action):
        action = next(then for holds, then in action if holds(history, facts))
    return action, history


def _noted(outcome, history, facts):
    if outcome in (GOOD, GUILTY, INNOCENT, UNSENDABLE):
        return history
    alone = history.alone
    if outcome == MAY_BE_ROWS or _blamed_half(history, facts):
        # The first failure counts whatever the others do.
        alone += not alone or facts.others
    return history._replace(
        attempts=history.attempts + 1,
        timeouts=history.timeouts + (outcome == TIMEOUT),
        invalid=history.invalid + (outcome in (INVALID, ROWS_LOST)),
        faults=history.faults + (outcome == ROW_ERROR),
        alone=alone)
