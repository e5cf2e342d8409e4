"""One thread of a worker: turns a batch into a request, and the answer into rows or another try."""

from __future__ import absolute_import, division, unicode_literals

import functools
import gc
import time
from contextlib import closing

from datarobot_batch_scoring.compat import monotonic
from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.batch import first_line, place_of
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.gzip_members import OUTPUT_LEVEL, REQUEST_LEVEL, pack
from datarobot_batch_scoring.output.rows import make_rows
from datarobot_batch_scoring.scoring import blame, events
from datarobot_batch_scoring.scoring.part import BLAMED, REFUSED, TOO_MUCH, Verdict
from datarobot_batch_scoring.report import predictions
from datarobot_batch_scoring.server import answers, fast_answers, headers, other_scheme, readiness
from datarobot_batch_scoring.server.body import TooLarge
from datarobot_batch_scoring.server.connection import SAME_AGAIN, Connection
from datarobot_batch_scoring.server.json_text import BadAnswer, OtherShape
from datarobot_batch_scoring.server.lost import Lost
from datarobot_batch_scoring.server.protocols import shape
from datarobot_batch_scoring.server.request import make_body, record_of
from datarobot_batch_scoring.server.retry import MOST_BAD_ANSWERS, MOST_LOST_ROWS
from datarobot_batch_scoring.server.words import (
    one_line, page_in, said_by_server, server_message, status_error)

# An answer may have this many bytes, and so many more for each row: at first a fixed number,
# and once there are good answers a multiple of the largest so far.
ANSWER_BASE = 1 << 20
ANSWER_A_ROW = 64 << 10
MULTIPLE = 50
MOST_ANSWER = 1 << 30

COLLECT_EVERY = 200

# What may be the fault of a single row.
REFUSALS = (shape.REFUSED, shape.FAULTY)


class Scorer(object):
    """Scores parts of a worker's queue until there are no more."""

    def __init__(self, worker, deadlines):
        plan = worker.plan
        self._worker = worker
        self._plan = plan
        self._queue = worker.queue
        self._secrets = plan.secrets
        self._taken_at = None
        self._deadlines = deadlines
        self._protocol = plan.layout.protocol
        self._connection = self._connect(plan.endpoint, 'POST')
        self._without_rows = functools.partial(
            self._protocol.without_rows, header=plan.shape.header.decode('utf-8').strip())

    def _connect(self, endpoint, method):
        agent = headers.user_agent(self._plan.n_concurrent)
        sent = dict(endpoint.headers, **{str('User-Agent'): agent})
        return Connection(endpoint._replace(headers=sent), self._deadlines, method)

    def score_all(self):
        """Scores until the queue ends; raises `ScoringError` for what ends the run."""
        count = 0
        # A process of a cluster outlives the run, and would keep what is connected.
        with closing(self._connection):
            for taken in iter(self._queue.take, None):
                self._taken_at = monotonic()
                self._score(*taken)
                count += 1
                if count % COLLECT_EVERY == 0:
                    gc.collect()

    def _score(self, part, ticket):
        if part.verdict:
            self._after_verdict(part, ticket)
            return
        rows = part.batch.rows
        try:
            body, reply = self._post(part.batch)
        except Lost as lost:
            self._after_loss(part, ticket, lost)
        except BadAnswer as error:
            self._after_bad_answer(part, ticket, error, 'wrong answer')
        except TooLarge as error:
            raise ScoringError('large_answer', rows=rows, limit=error.args[0])
        else:
            self._after_reply(part, ticket, reply, body)

    def _post(self, batch):
        """The (Body, Reply) of a batch; raises what `Connection.post` raises."""
        body = make_body(batch, self._plan.shape)
        data = pack(body.data, REQUEST_LEVEL) if self._plan.compress else body.data
        self._worker.tell(events.Sent(batch.rows, len(data)))
        if self._plan.ping and not self._worker.ready:
            self._see_that_it_is_ready()
        most = most_bytes(batch.rows, self._worker.bytes_a_row)
        reply = self._connection.post(data, most)
        if (reply.status in SAME_AGAIN and self._protocol.follows_slash
                and self._connection.follow(reply.headers.get('Location'))):
            reply = self._connection.post(data, most)
        self._queue.heard()
        return body, reply

    def _see_that_it_is_ready(self):
        asking = self._connect(self._plan.ping, 'GET')
        try:
            readiness.check(asking, self._plan.ping)
            self._worker.ready = True
        finally:
            # An idle connection may be all that a server of one worker attends to.
            asking.close()

    def _after_reply(self, part, ticket, reply, body):
        if reply.status == 200:
            try:
                self._deliver(part, reply, body)
            except BadAnswer as error:
                page = page_in(reply.headers, reply.body, self._secrets)
                if page is None:
                    self._after_bad_answer(part, ticket, error, events.OTHER_SHAPE if isinstance(
                        error, OtherShape) else 'wrong answer')
                else:
                    error = BadAnswer('it is a page: {0}'.format(page or 'without words'))
                    self._after_bad_answer(part, ticket, error, events.PAGE)
            return
        reaction = self._protocol.reaction(reply)
        if reaction == shape.SPLIT and part.batch.rows > 1:
            self._split(part, ticket)
        elif reaction == shape.SPLIT:
            error = ScoringError(
                'large_row', said_by_server(reply.body, self._secrets, self._without_rows),
                row=part.batch.start.row, line=self._line(part.batch), status=reply.status)
            self._give_up(part, ticket, error, self._reason(reply), too_large=True)
        elif reaction in shape.AGAIN:
            self._after_failure(part, ticket, reply, reaction)
        elif reaction == shape.FAULTY and self._may_be_accident(part):
            self._again(part, ticket, self._reason(reply), '{0}'.format(reply.status))
        elif reaction in REFUSALS:
            self._after_refusal(part, ticket, reply, body)
        else:
            raise self._status_error(part, reply, body)

    def _status_error(self, part, reply, body):
        return status_error(
            reply, self._protocol, self._secrets,
            place_of(part.batch, self._plan.shape.dialect.delimiter) + ',',
            _short_words(body) or self._column_words(reply), self._without_rows)

    def _column_words(self, reply):
        columns = self._plan.shape.dialect.columns
        return checks.ONE_COLUMN if reply.status == 400 and len(columns) == 1 else ''

    def _reason(self, reply):
        said = server_message(reply.body, self._secrets, self._without_rows)
        return 'status {0}'.format(reply.status) + (': ' + said if said else '')

    def _deliver(self, part, reply, body):
        plan, batch = self._plan, part.batch
        answer = (fast_answers.read(reply.body, plan.layout, batch.rows)
                  or answers.read(reply.body, plan.layout, batch.rows))
        rows = make_rows(answer, plan.layout, batch.start.row, body.kept)
        predicted = predictions.count(answer) if plan.layout.counted else None
        labels = self._worker.agree(answer.labels)
        answers.check_labels(labels, answer.labels)
        # Before the answer counts as a success: with the last one, all threads end.
        self._worker.deliver(events.Scored(
            first_row=batch.start.row, rows=batch.rows, digests=part.digests, labels=labels,
            nulls=rows.nulls, short_line=body.short_line,
            csv=pack(rows.csv, OUTPUT_LEVEL) if plan.gzip_output else rows.csv, bad=None,
            predicted=predicted))
        if reply.sending > plan.endpoint.timeout:
            self._worker.tell(events.SlowToSend(
                int(len(batch.raw) * plan.endpoint.timeout / reply.sending)))
        self._worker.bytes_a_row = max(
            self._worker.bytes_a_row or 0, len(reply.body) / batch.rows)
        self._worker.tell(events.Answered(
            rows=batch.rows, seconds=reply.seconds, busy=monotonic() - self._taken_at,
            received_bytes=reply.received))
        self._queue.succeeded(batch.rows, reply.seconds)

    def _after_loss(self, part, ticket, lost):
        gc.collect()
        if lost.too_much and self._is_too_late(part):
            self._split(part, ticket)
        else:
            found = self._look_at_scheme(lost)
            self._again(part, ticket, one_line(lost.reason, self._secrets) + found.note,
                        events.OTHER_SCHEME if found.certain else lost.kind)

    def _look_at_scheme(self, lost):
        """What is `other_scheme.Found` where nobody has answered yet."""
        if self._queue.accepted:
            return other_scheme.NOTHING
        worker = self._worker
        with worker.looking:
            worker.scheme = other_scheme.look(self._plan.endpoint.url, lost, worker.scheme)
            return worker.scheme

    def _is_too_late(self, part):
        part.timeouts += 1
        return part.batch.rows > 1 and (part.timeouts > 1 or TOO_MUCH in part.causes)

    def _after_failure(self, part, ticket, reply, reaction):
        # A gateway does not wait as long as --timeout says.
        if reaction == shape.LATE and self._is_too_late(part):
            self._split(part, ticket)
            return
        asked = headers.retry_after(reply.headers.get('Retry-After'), time.time())
        self._again(part, ticket, self._reason(reply), '{0}'.format(reply.status), asked,
                    may_be_rows=reaction == shape.MAY_BE_ROWS, full=reaction == shape.FULL)

    def _after_bad_answer(self, part, ticket, error, kind):
        part.bad_answers += 1
        lost_rows = isinstance(error, answers.WrongCount) and self._protocol.may_lose_rows
        most = MOST_LOST_ROWS if lost_rows else MOST_BAD_ANSWERS
        reason = 'the answer is wrong: {0}'.format(one_line(
            error.args[0], self._secrets))
        if part.bad_answers > most:
            self._give_up(part, ticket, _used_up(part, reason, part.tries + 1), reason)
        else:
            self._again(part, ticket, reason, kind)

    def _split(self, part, ticket):
        ceiling = self._queue.split(part, ticket, TOO_MUCH)
        self._worker.tell(events.Ceiling(ceiling))

    def _again(self, part, ticket, reason, kind, asked=0.0, may_be_rows=False, full=False):
        part.tries += 1
        single = part.batch.rows == 1
        if ((may_be_rows or BLAMED in part.causes and not single)
                and self._queue.fails_alone(part)):
            if not single or self._plan.sets_aside:
                self._tell_refused(part, reason)
                self._condemn(part, ticket, reason, BLAMED)
                return
            self._warn_of_row(part, reason)
        if 0 <= self._plan.n_retry < part.tries:
            self._give_up(part, ticket, _used_up(part, reason, part.tries), reason)
            return
        wait = max(self._queue.backoff(part.tries), asked)
        next_try = self._queue.failed(part, ticket, wait, asked, full)
        self._worker.tell(events.Retried(
            first_row=part.batch.start.row, rows=part.batch.rows, reason=reason, kind=kind,
            wait=wait, next_try=next_try))

    # --- rows that are the cause ---

    def _may_be_accident(self, part):
        """Counts a fault of the data or the model; True if it is the first of this part."""
        part.faults += 1
        halved = REFUSED in part.causes and part.batch.rows > 1
        return part.faults == 1 and not halved and self._plan.n_retry != 0

    def _after_refusal(self, part, ticket, reply, body):
        if not self._plan.sets_aside:
            self._end_run(part, reply, body)
            return
        reason = self._reason(reply)
        self._tell_refused(part, reason)
        self._condemn(part, ticket, reason, REFUSED)

    def _end_run(self, part, reply, body):
        """Raises the error for a refused batch, which names the row if a single one is to blame."""
        with self._worker.looking:
            if self._queue.stopped:
                # Another batch has ended the run.
                return
            error = self._status_error(part, reply, body)
            if self._queue.accepted:
                row = blame.find_row(part.batch, self._plan.shape.dialect.delimiter, self._try)
                if row:
                    error = blame.name_row(
                        error, row.start.row, self._line(row), _short_words(body))
            self._queue.stop()
            raise error

    def _try(self, batch):
        """Whether a batch is accepted; None if the answer does not tell."""
        if self._queue.stopped:
            return None
        try:
            reply = self._post(batch)[1]
        except (Lost, TooLarge, BadAnswer):
            return None
        self._worker.tell(events.Tried())
        if reply.status == 200:
            return True
        return False if self._protocol.reaction(reply) in REFUSALS else None

    def _condemn(self, part, ticket, reason, cause):
        """Halves a part whose rows are the cause, or sets aside a single row."""
        if part.batch.rows > 1:
            self._queue.split(part, ticket, cause)
            self._worker.tell(events.Halved(part.batch.start.row, part.batch.rows))
            return
        batch = part.batch
        body = make_body(batch, self._plan.shape)
        self._worker.deliver(events.Scored(
            first_row=batch.start.row, rows=1, digests=part.digests, labels=None, nulls=0,
            short_line=body.short_line, csv=None, predicted=None, bad=events.BadRow(
                self._line(batch), reason, record_of(body, self._plan.shape),
                [column[0] for column in body.kept or ()])))
        self._queue.set_aside(ticket)

    def _give_up(self, part, ticket, error, reason, too_large=False):
        """Does not send a part again: `error` ends the run unless its rows can be set aside."""
        if not self._plan.sets_aside:
            raise error
        self._tell_refused(part, reason, failing=True)
        self._queue.suspect(part, ticket, Verdict(error, reason, too_large))

    def _after_verdict(self, part, ticket):
        if not part.verdict.guilty:
            raise part.verdict.error
        self._condemn(part, ticket, part.verdict.reason, BLAMED)

    def _tell_refused(self, part, reason, failing=False):
        self._worker.tell(events.Refused(
            part.batch.start.row, part.batch.rows, reason, failing))

    def _warn_of_row(self, part, reason):
        row = part.batch.start.row
        self._worker.tell(events.Warned(
            'row {0}'.format(row), blame.row_warning(row, self._line(part.batch), reason)))

    def _line(self, batch):
        return first_line(batch, self._plan.shape.dialect.delimiter)


def _short_words(body):
    return checks.short_line_warning(body.short_line) if body.short_line else ''


def _used_up(part, reason, tries):
    return ScoringError(
        'retries', row=part.batch.start.row, last=part.batch.end_row - 1, reason=reason.rstrip('.'),
        tries='{0} {1}'.format(tries, 'try' if tries == 1 else 'tries'))


def most_bytes(rows, bytes_a_row):
    """The most bytes that the answer for `rows` rows may have.

    `bytes_a_row` is the most that a good answer had so far, or None.
    """
    a_row = ANSWER_A_ROW if bytes_a_row is None else min(MULTIPLE * bytes_a_row, ANSWER_A_ROW)
    return min(ANSWER_BASE + int(a_row * rows), MOST_ANSWER)
