"""One thread of a worker: a batch to a request, its answer to rows, or to another try."""

from __future__ import absolute_import, division, unicode_literals

import gc
import time

from datarobot_batch_scoring.errors import BadAnswer, ScoringError
from datarobot_batch_scoring.output.gzip_members import OUTPUT_LEVEL, REQUEST_LEVEL, pack
from datarobot_batch_scoring.output.rows import render
from datarobot_batch_scoring.processes import messages
from datarobot_batch_scoring.server import protocol
from datarobot_batch_scoring.server.answers import labels_differ
from datarobot_batch_scoring.server.connection import Line, Lost, TooLarge
from datarobot_batch_scoring.server.request import make_body
from datarobot_batch_scoring.server.retry import MOST_BAD_ANSWERS, backoff

# An answer may have this many bytes, and so many more for each row.
ANSWER_BASE = 4 << 20
ANSWER_A_ROW = 64 << 10
MOST_ANSWER = 1 << 30

COLLECT_EVERY = 200


class Scorer(object):
    """Scores parts of a worker's queue until there are no more."""

    def __init__(self, worker, deadlines):
        plan = worker.plan
        self._worker = worker
        self._plan = plan
        self._queue = worker.queue
        headers = dict(plan.headers)
        headers['User-Agent'] = protocol.user_agent(plan.n_concurrent)
        self._line = Line(plan.url, headers, plan.timeout, plan.verify, deadlines, plan.secrets)

    def run(self):
        """Scores until the queue ends; raises `ScoringError` for what ends the run."""
        count = 0
        while True:
            taken = self._queue.take()
            if taken is None:
                return
            self._score(*taken)
            count += 1
            if count % COLLECT_EVERY == 0:
                gc.collect()

    def _score(self, part, ticket):
        body = make_body(part, self._plan.shape)
        data = pack(body.data, REQUEST_LEVEL) if self._plan.compress else body.data
        self._worker.tell(messages.Sent(part.rows, len(data)))
        try:
            answer = self._line.post(data, most_bytes(part.rows))
        except Lost as lost:
            self._after_loss(part, ticket, lost)
        except TooLarge as error:
            raise ScoringError(
                'The answer for {0} rows is larger than {1} bytes.'.format(
                    part.rows, error.args[0]),
                hint='Look at --host. If the answers are right, lower --n_samples.')
        else:
            self._after_answer(part, ticket, answer, body)

    def _after_answer(self, part, ticket, answer, body):
        if answer.status == 200:
            try:
                self._deliver(part, answer, body)
            except BadAnswer as error:
                self._after_bad_answer(part, ticket, error)
            return
        reaction = protocol.reaction(answer.status)
        if reaction == protocol.SPLIT and part.rows > 1:
            self._split(part, ticket)
        elif reaction == protocol.SPLIT:
            raise ScoringError(
                'Row {0}, in line {1} of the dataset, is larger than the server takes '
                '(status {2}).'.format(part.first_row, part.first_line, answer.status),
                protocol.said_by_server(answer.body, self._plan.secrets),
                'A single row cannot be halved: shorten it and run again with --resume.')
        elif reaction == protocol.RETRY:
            asked = protocol.retry_after(answer.headers.get('Retry-After'), time.time())
            said = protocol.server_message(answer.body, self._plan.secrets)
            reason = 'status {0}'.format(answer.status) + (': ' + said if said else '')
            self._again(part, ticket, reason, '{0}'.format(answer.status), asked)
        else:
            raise protocol.status_error(
                answer.status, answer.body, answer.headers.get('Location'), self._plan.secrets)

    def _deliver(self, part, answer, body):
        plan = self._plan
        rendered = render(answer.body, plan.layout, part.rows, part.first_row, body.kept,
                          self._worker.labels)
        labels = self._worker.agree(rendered.labels)
        if labels != rendered.labels:
            raise BadAnswer(labels_differ(labels, rendered.labels))
        text = pack(rendered.text, OUTPUT_LEVEL) if plan.gzip_output else rendered.text
        # Before the answer is counted as a success: with the last one, all threads end.
        self._worker.deliver(messages.Scored(
            part.first_row, part.rows, part.end, part.digests, labels, rendered.nulls,
            body.short_line, text))
        self._worker.tell(messages.Answered(part.rows, answer.seconds, answer.received,
                                            rendered.predicted))
        self._queue.succeeded()

    def _after_loss(self, part, ticket, lost):
        gc.collect()
        if not lost.in_time:
            part.timeouts += 1
            if part.rows > 1 and (part.halved or part.timeouts > 1):
                self._split(part, ticket)
                return
        self._again(part, ticket, lost.reason, lost.kind)

    def _after_bad_answer(self, part, ticket, error):
        part.bad_answers += 1
        reason = 'the answer is wrong: {0}'.format(protocol.printable(
            error.args[0], self._plan.secrets))
        if part.bad_answers > MOST_BAD_ANSWERS:
            raise _used_up(part, reason)
        self._again(part, ticket, reason, 'wrong answer')

    def _split(self, part, ticket):
        ceiling = self._queue.split(part, ticket)
        self._worker.tell(messages.Ceiling(ceiling))

    def _again(self, part, ticket, reason, kind, asked=0.0):
        part.tries += 1
        if 0 <= self._plan.n_retry < part.tries:
            raise _used_up(part, reason)
        wait = max(backoff(part.tries), asked)
        rounds = self._queue.failed(part, ticket, wait, asked)
        self._worker.tell(messages.Retried(part.first_row, part.rows, reason, kind, wait, rounds))


def _used_up(part, reason):
    return ScoringError(
        'Rows {0} to {1} could not be scored in {2} tries: {3}.'.format(
            part.first_row, part.first_row + part.rows - 1, part.tries + (
                part.bad_answers > MOST_BAD_ANSWERS), reason.rstrip('.')),
        hint='Once the server is well again, run the same command with --resume.')


def most_bytes(rows):
    """The bytes that the answer for so many rows may have."""
    return min(ANSWER_BASE + ANSWER_A_ROW * rows, MOST_ANSWER)
