"""Sends one batch once: a batch in, its outcome out."""

from __future__ import absolute_import, division, unicode_literals

import functools
import gc
import threading
import time

from datarobot_batch_scoring.dataset import checks
from datarobot_batch_scoring.dataset.batch import describe_batch, first_line
from datarobot_batch_scoring.dataset.json_text import InvalidResponse, OtherShape
from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.output.columns import check_labels, make_rows, shown_labels, split_names
from datarobot_batch_scoring.output.targets import compress_rows
from datarobot_batch_scoring.scoring import answers, events, fast_answers, policy, predictions, tensors
from datarobot_batch_scoring.scoring.policy import Outcome
from datarobot_batch_scoring.scoring.request import as_bad_row, make_body
from datarobot_batch_scoring.server import deadlines, headers, other_scheme
from datarobot_batch_scoring.server.body import TooLarge, compress_request
from datarobot_batch_scoring.server.connection import SAME_AGAIN, Connection
from datarobot_batch_scoring.server.request_error import NOT_READY, OTHER_SCHEME, RequestError
from datarobot_batch_scoring.server.server_messages import (
    error_detail, one_line, page_in, request_id, server_message, status_error)

# An answer may have this many bytes, and so many more for each row: at first a fixed number,
# and once there are good answers a multiple of the largest so far.
ANSWER_BASE = 1 << 20
ANSWER_A_ROW = 512 << 10
MULTIPLE = 50
MAX_ANSWER = 1 << 30
# Of what the server says when it is asked whether it is ready.
MAX_PING_BYTES = 1 << 16


class Transports(object):
    """Makes the transports of an engine, one for each thread, and has what they share.

    `plan` is a `pool.PoolPlan`. `tell(event)` is called with events; `agree(labels)` gives the
    labels of the run, those of the first answer.
    """

    def __init__(self, plan, tell, agree):
        self.plan = plan
        self.tell = tell
        self.agree = agree
        # Held while the server is asked whether it speaks the other scheme, and what came of it;
        # and while it is found out which route it knows.
        self.lock = threading.Lock()
        self.scheme = None
        # Where requests go; whether the server is known to know that; and what it said if not.
        self.url = plan.endpoint.url
        self.route_is_settled = plan.other_url is None
        self.lacking = None
        # True once the server was asked and is ready.
        self.ready = False
        # The most in a good answer so far; None before the first.
        self.bytes_per_row = None
        self._deadlines = deadlines.Deadlines()

    def take_other_route(self):
        """Has requests go to the other URL from now on."""
        self.url, self.route_is_settled = self.plan.other_url, True

    def make(self):
        """A `Transport`."""
        return Transport(self)

    def connect(self, endpoint, method):
        """A `Connection` to an endpoint."""
        agent = headers.user_agent(self.plan.n_concurrent)
        sent = dict(endpoint.headers, **{str('User-Agent'): agent})
        return Connection(endpoint._replace(headers=sent), self._deadlines, method)

    def close(self):
        """Ends the thread that keeps the deadlines, once no transport has a request in flight."""
        self._deadlines.close()


class Transport(object):
    """Sends batches over one connection."""

    def __init__(self, transports):
        self._shared = transports
        self._plan = plan = transports.plan
        self._tell = transports.tell
        self._secrets = plan.secrets
        self._protocol = plan.layout.protocol
        self._connection = transports.connect(plan.endpoint, 'POST')
        self._url = plan.endpoint.url
        self._pings = 0
        self._without_rows = functools.partial(
            self._protocol.without_rows, header=plan.shape.header.decode('utf-8').strip())

    def close(self):
        """Closes the connection: a process of a cluster outlives the run, and would keep it."""
        self._connection.close()

    def attempt(self, batch, accepted):
        """Sends a `Batch` once; returns its `Outcome`.

        `accepted`: a row of the run was accepted before. Raises `ScoringError` for rows that must
        not be sent, and for answers that do not fit the run.
        """
        before = self._connection.asked + self._pings
        outcome = self._attempt(batch, accepted)
        return outcome._replace(requests=self._connection.asked + self._pings - before)

    def _attempt(self, batch, accepted):
        try:
            body, reply = self._post(batch)
        except checks.Unsendable as error:
            return Outcome(policy.UNSENDABLE, error=error.faults[0].error, heard=False,
                           faults=error.faults)
        except RequestError as lost:
            return self._lost(lost, accepted)
        except InvalidResponse as error:
            return self._invalid(error, 'wrong answer')._replace(heard=False)
        except TooLarge as error:
            return Outcome(policy.FATAL, error=ScoringError(
                'large_answer', rows=batch.rows, limit=error.args[0]))
        if reply.status != 200:
            return self._failed(batch, body, reply, accepted)
        try:
            return self._answered(batch, body, reply)
        except InvalidResponse as error:
            page = page_in(reply.headers, reply.body, self._secrets)
            word = events.OTHER_SHAPE if isinstance(error, OtherShape) else 'wrong answer'
            if page is not None:
                error, word = InvalidResponse('it is a page: {0}'.format(page or 'without words')), events.PAGE
            return self._invalid(error, word)._replace(
                request_id=request_id(reply, self._secrets))

    def bad_row(self, batch, digests, reason, error):
        """The `Scored` of a single row that is set aside: see `scheduler.SetAside`."""
        bad, is_short = as_bad_row(batch, self._plan.shape, reason, error)
        return events.Scored(
            first_row=batch.start.row, rows=1, digests=digests, labels=None, nulls=0,
            short=checks.Short(1, (bad.line,)) if is_short else checks.NONE_SHORT, csv=None, predicted=None, bad=bad)

    def _post(self, batch):
        """The (Body, Response) of a batch; raises what `Connection.post` raises."""
        body = make_body(batch, self._plan.shape)
        data = compress_request(body.data) if self._plan.compress else body.data
        # Its memory is needed again for the rows of the response.
        body = body._replace(data=None)
        self._tell(events.Sent(batch.rows, len(data)))
        if self._plan.ping and not self._shared.ready:
            self._check_ready()
        limit = max_answer_bytes(batch.rows, self._shared.bytes_per_row)
        reply = self._sent(data, limit)
        if (reply.status in SAME_AGAIN and self._protocol.follows_slash
                and self._connection.follow(reply.headers.get('Location'))):
            reply = self._connection.post(data, limit)
        return body, reply

    def _sent(self, data, limit):
        """The `Response` to `data`, from whichever route the server knows."""
        shared = self._shared
        if shared.route_is_settled:
            return self._post_to(shared.url, data, limit)
        # One at a time, so that no more requests than that are in vain.
        with shared.lock:
            if not (shared.route_is_settled or shared.lacking):
                reply = self._post_to(shared.url, data, limit)
                shared.lacking = reply if self._protocol.lacks_path(reply) else None
                shared.route_is_settled = reply.status == 200
                if not shared.lacking:
                    return reply
            if shared.route_is_settled:
                return self._post_to(shared.url, data, limit)
            reply = self._post_to(self._plan.other_url, data, limit)
            if self._protocol.lacks_path(reply):
                # The first one says what is wrong with the current route.
                return shared.lacking
            if reply.status == 200:
                shared.take_other_route()
                self._tell(events.OtherRoute())
            return reply

    def _post_to(self, url, data, limit):
        if self._url != url:
            self._connection.go_to(url)
            self._url = url
        return self._connection.post(data, limit)

    def _check_ready(self):
        """Asks whether the server is ready; raises `RequestError` unless it is.

        Whatever it answers, it is: not every server has the route. Only the statuses `not_ready` say otherwise.
        """
        ping = self._plan.ping
        connection = self._shared.connect(ping, 'GET')
        self._pings += 1
        try:
            response = connection.ask(MAX_PING_BYTES)
            if response.status in self._protocol.not_ready:
                raise RequestError(NOT_READY, '{0} responds with status {1}'.format(ping.url, response.status))
        except (TooLarge, InvalidResponse):
            pass
        except RequestError as error:
            if error.kind == 'timeout':
                raise RequestError(
                    NOT_READY, '{0} did not respond within {1:g} seconds'.format(ping.url, ping.timeout))
            raise
        finally:
            # An idle connection may be all that a server of one worker attends to.
            connection.close()
        self._shared.ready = True

    # --- outcomes ---

    def _answered(self, batch, body, reply):
        plan = self._plan
        if self._protocol.answers_columns:
            answer = tensors.read(reply.body, plan.layout, batch.rows, body.id)
        else:
            answer = (fast_answers.read(reply.body, plan.layout, batch.rows)
                      or answers.read(reply.body, plan.layout, batch.rows))
        names, start = answer.names(plan.layout), batch.start.row
        rows = make_rows(answer, plan.layout, start, body.kept)
        predicted = predictions.count(answer, plan.layout.delimiter) if plan.layout.counted else None
        agreed = tuple(self._shared.agree(names))
        check_labels(agreed, answer.labels)
        if agreed != names:
            answer = self._with_agreed(answer, split_names(agreed)[1])
            rows = make_rows(answer, plan.layout, start, body.kept, agreed)
        if answer.dropped:
            self._tell(events.Warned('explanations', (
                'The server sends more explanations per row than --max_prediction_explanations; only '
                'the first {0} are written.').format(plan.layout.explanations)))
        # Texts differ in length by more than any multiple.
        if not answer.values[0].texts:
            self._shared.bytes_per_row = max(
                self._shared.bytes_per_row or 0, len(reply.body) / batch.rows)
        if reply.sending > plan.endpoint.timeout:
            self._tell(events.SlowToSend(
                int(len(batch.raw) * plan.endpoint.timeout / reply.sending)))
        return Outcome(policy.GOOD, scored=events.Scored(
            first_row=start, rows=batch.rows, digests=None, labels=agreed,
            nulls=rows.nulls, short=body.short,
            csv=compress_rows(rows.csv) if plan.gzip_output else rows.csv, bad=None,
            predicted=predicted), figures=events.Answered(
                rows=batch.rows, seconds=reply.seconds, busy=None, received_bytes=reply.received))

    def _with_agreed(self, answer, names):
        """The answer with the extra columns that the batches have agreed on."""
        others = [name for name in answer.extras if name not in names]
        if others:
            self._tell(events.Warned('extra_cols', (
                '--extra_cols: what the first batch did not have is left out: {0}.').format(
                    shown_labels(others))))
        return answers.fitted(answer, names, self._plan.layout.delimiter)

    def _lost(self, lost, accepted):
        gc.collect()
        if not lost.too_much:
            # It may be starting again.
            self._shared.ready = False
        # Where the server has answered, it speaks this scheme.
        scheme = other_scheme.NO_CHANGE if accepted else self._look_at_scheme(lost)
        return Outcome(
            policy.TIMEOUT if lost.too_much else policy.RETRY,
            one_line(lost.reason, self._secrets) + lost.note + scheme.hint,
            OTHER_SCHEME if scheme.is_final else lost.kind, heard=False)

    def _look_at_scheme(self, lost):
        shared = self._shared
        with shared.lock:
            shared.scheme = other_scheme.check_scheme(self._plan.endpoint.url, lost, shared.scheme)
            return shared.scheme

    def _invalid(self, error, word):
        lost_rows = isinstance(error, answers.WrongCount) and self._protocol.may_lose_rows
        return Outcome(
            policy.ROWS_LOST if lost_rows else policy.INVALID,
            'the response is invalid: {0}'.format(one_line(error.args[0], self._secrets)), word)

    def _failed(self, batch, body, reply, accepted):
        kind = self._protocol.reaction(reply)
        said = server_message(reply.body, self._secrets, self._without_rows)
        return Outcome(
            kind, 'status {0}'.format(reply.status) + (': ' + said if said else ''),
            '{0}'.format(reply.status),
            headers.retry_after(reply.headers.get('Retry-After'), time.time()),
            self._error(kind, batch, body, reply, accepted), short_warning(body.short),
            request_id=request_id(reply, self._secrets))

    def _error(self, kind, batch, body, reply, accepted):
        """The `ScoringError` for a status that may end the run by itself; otherwise None."""
        if kind == policy.SPLIT and batch.rows == 1:
            return ScoringError(
                'large_row', error_detail(reply, self._secrets, self._without_rows),
                row=batch.start.row, status=reply.status,
                line=first_line(batch, self._plan.shape.dialect.delimiter))
        if kind in (policy.REJECTED, policy.ROW_ERROR, policy.FATAL):
            # Where no row was accepted, only a status that is about rows says that they may be wrong.
            by_rows = accepted or kind != policy.FATAL
            return status_error(
                reply, self._protocol, self._secrets, self._url,
                describe_batch(batch, self._plan.shape.dialect.delimiter) + ',' if by_rows else '',
                short_warning(body.short) or self._column_words(reply), self._without_rows)
        return None

    def _column_words(self, reply):
        columns = self._plan.shape.dialect.columns
        return checks.ONE_COLUMN if reply.status == 400 and len(columns) == 1 else ''


def short_warning(short):
    """The warning about records with too few fields, a `checks.Short`; '' without one."""
    return checks.warning('short', short.lines[0]) if short.count else ''


def max_answer_bytes(rows, bytes_per_row):
    """The most bytes that the answer for `rows` rows may have.

    `bytes_per_row` is the most that a good answer had so far, or None.
    """
    a_row = ANSWER_A_ROW if bytes_per_row is None else min(MULTIPLE * bytes_per_row, ANSWER_A_ROW)
    return min(ANSWER_BASE + int(a_row * rows), MAX_ANSWER)
