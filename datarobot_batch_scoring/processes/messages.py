"""What the processes send each other: plain data; each pipe has one process that writes to it.

    batcher --ToScore, NoMoreBatches--> worker --Scored, WorkerDone--> writer
    batcher <--Ready-- worker           batcher <--Committed-- writer

Each of them also sends events to the main process, which answers with orders.
"""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

# --- the way of the data -------------------------------------------------

# From the batcher to a worker: score these rows.
ToScore = namedtuple('ToScore', [
    'batch',       # batch.Batch
    'before',      # ((end, sha256), ...): segments of the input up to its start
    'after',       # the same, up to its end
])

# From the batcher to each worker: end once everything is scored.
NoMoreBatches = namedtuple('NoMoreBatches', [
    'rows',        # number of rows in the whole input
])

# From a worker to the batcher: send me more batches.
Ready = namedtuple('Ready', [
    'batches',     # how many more it has room for
    'limit',       # how many requests it may have in flight
    'answers',     # [(rows, seconds), ...]: those since the last time, where sizes follow them
])

# From a worker to the writer: put these rows into the output.
Scored = namedtuple('Scored', [
    'first_row',   # of the batch, or of the part of one
    'rows',
    'digests',     # ((end, sha256), ...): segments of the input up to their end
    'labels',      # the prediction labels, in the order of the columns; None: a bad row
    'nulls',       # how many values were null
    'short_line',  # line of the first record with too few fields, or None
    'csv',         # the rows as the output has them: bytes, gzipped if it is; None: a bad row
    'bad',         # BadRow if the server refused the only row, else None
    'predicted',   # what `predictions.count` gives if a report is wanted, else None
])

# A row that the server refused and that is to be set aside.
BadRow = namedtuple('BadRow', [
    'line',        # of the file, on which the record begins
    'reason',      # one line of text
    'record',      # as it was sent: bytes, without its line end
    'kept',        # its values in the kept columns, as `request.Body` has them
])

# From a worker to the writer: nothing more will come from me.
WorkerDone = namedtuple('WorkerDone', [
    'rows',        # number of rows in the whole input; None: the worker was stopped
])

# From the writer to the batcher: there is room for more.
Committed = namedtuple('Committed', [
    'rows',        # rows that are in the output and the checkpoint
])

# --- events: to the main process ------------------------------------------

# From every process, so that one that hangs is noticed.
Alive = namedtuple('Alive', [
    'patience',    # most seconds until the next sign of life
])

# From every process, so that the main one knows that it ended properly.
Bye = namedtuple('Bye', [])

# From every process, so that the run ends with this error.
Failed = namedtuple('Failed', [
    'error',       # a ScoringError
])

# From every process, so that the user is warned, once for each kind.
Warned = namedtuple('Warned', [
    'kind',        # a word: only the first warning of a kind is shown
    'line',        # the text
])

# From every process, so that all lines are in one log.
Logged = namedtuple('Logged', [
    'level',       # a level of the `logging` module
    'line',        # the text
])

# From the batcher, so that progress can be shown as a share of the input.
Read = namedtuple('Read', [
    'rows',        # rows cut so far
    'position',    # bytes of the file read so far
])

# From the batcher, at the end of a stream if a report is wanted.
InputDigest = namedtuple('InputDigest', [
    'sha256',      # of its bytes, packed ones if it is gzipped, as text
])

# From a worker, so that the labels of all batches agree; the main process
# sends the first ones it gets to all workers.
Labels = namedtuple('Labels', [
    'labels',      # the labels of one good answer
])

# From a worker, when a request has begun.
Sent = namedtuple('Sent', [
    'rows',
    'sent_bytes',  # of the body as sent, compressed or not
])

# From a worker, when the request has a good answer.
Answered = namedtuple('Answered', [
    'rows',
    'seconds',     # from the first byte sent to the last received
    'busy',        # seconds that a thread was busy with it, all in all
    'received_bytes',
])

# From a worker, when the request failed and will be tried again.
Retried = namedtuple('Retried', [
    'first_row',
    'rows',
    'reason',      # one line of text
    'kind',        # a word for the statistics: '503', 'timeout', 'connection'
    'wait',        # seconds until the next try
    'next_try',    # seconds until the process sends anything again
])

# The kind of a failure where an HTML page came in place of an answer.
PAGE = 'page'
# A kind of failure: the server certainly speaks the other scheme, http or https.
OTHER_SCHEME = 'other scheme'

# From a worker, when a request was refused, or failed and will not be sent again.
Refused = namedtuple('Refused', [
    'first_row',
    'rows',
    'reason',      # one line of text
    'failing',     # True: the server may be down, and the rows wait until others succeed
])

# From a worker, when a request that looks for the row to blame has an answer.
Tried = namedtuple('Tried', [])

# From a worker, when a batch is halved because its rows cause a failure.
Halved = namedtuple('Halved', [
    'first_row',
    'rows',
])

# From the writer, when a row that was set aside is committed.
SetAside = namedtuple('SetAside', [
    'row',
    'line',        # of the file, on which its record begins
    'reason',      # one line of text
])

# From a worker, when a batch was too large and has been halved; the main
# process tells all the others.
Ceiling = namedtuple('Ceiling', [
    'size',        # bytes of input that were too much for one request
])

# From a worker, when a request took longer to send than an answer may take; the main
# process may then send everyone a ceiling.
SlowToSend = namedtuple('SlowToSend', [
    'size',        # bytes of input that can be sent in that time
])

# From the writer, when rows have been committed.
Written = namedtuple('Written', [
    'rows',        # rows in the output so far
    'nulls',       # null values in the output so far
    'size',        # bytes of the output
    'bad',         # rows that were set aside so far
    'tally',       # tally.Tally of the output so far if a report is wanted, else None
])

# From the writer, when every row is in the output and forced to disk.
Finished = namedtuple('Finished', ['rows', 'nulls', 'size', 'bad'])

# --- orders: from the main process ------------------------------------------

# To every process: finish what is under way, and end.
Stop = namedtuple('Stop', [
    'seconds',     # how long requests in flight may still take
])

# To the workers and the batcher, where it is found out how many requests should be in flight.
InFlight = namedtuple('InFlight', [
    'number',      # in all workers
    'trying',      # True: it is being tried
])

# To the workers, when one of them succeeds after a time of failures.
Recovered = namedtuple('Recovered', [])
