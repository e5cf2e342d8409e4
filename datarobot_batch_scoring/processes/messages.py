"""What crosses from process to process: plain data, one writer to a pipe.

    batcher --ToScore, NoMoreBatches--> worker --Scored, WorkerDone--> writer
    batcher <--Ready-- worker           batcher <--Committed-- writer

and from each of them events to the main process, which answers with orders.
"""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

# --- the way of the data -------------------------------------------------

# From the batcher to a worker, so that it scores these rows.
ToScore = namedtuple('ToScore', [
    'batch',       # batch.Batch
    'before',      # ((end, sha256), ...): the input up to its start, in segments
    'after',       # likewise up to its end
])

# From the batcher to each worker, so that it ends when all is scored.
NoMoreBatches = namedtuple('NoMoreBatches', [
    'rows',        # number of rows in the whole input
])

# From a worker to the batcher, so that the next batch comes to it.
Ready = namedtuple('Ready', [
    'batches',     # how many more it has room for
])

# From a worker to the writer, so that the rows reach the output.
Scored = namedtuple('Scored', [
    'first_row',   # as in the batch, or in the part of it
    'rows',
    'digests',     # ((end, sha256), ...): the input up to their end, in segments
    'labels',      # the prediction labels, in the order of the columns; None: a bad row
    'nulls',       # how many values were null
    'short_line',  # line of the first record with too few fields, or None
    'csv',         # the rows as the output holds them: bytes, gzipped if it is; None: a bad row
    'bad',         # BadRow where the server refused the one row, else None
])

# A row that the server refused, so that it is set aside.
BadRow = namedtuple('BadRow', [
    'line',        # of the file, where the record begins
    'reason',      # one line of text
    'record',      # as it was sent: bytes, without its line end
    'kept',        # its values of the kept columns, as `request.Body` has them
])

# From a worker to the writer, so that it knows that nothing more comes.
WorkerDone = namedtuple('WorkerDone', [
    'rows',        # number of rows in the whole input; None: it was stopped
])

# From the writer to the batcher, so that it reads on.
Committed = namedtuple('Committed', [
    'rows',        # rows that are in the output and the checkpoint
])

# --- events: to the main process ------------------------------------------

# From every process, so that one that hangs is found out.
Alive = namedtuple('Alive', [
    'patience',    # seconds until the next sign of life, at most
])

# From every process, so that the main one knows that it ended as it should.
Bye = namedtuple('Bye', [])

# From every process, so that the run ends with this error.
Failed = namedtuple('Failed', [
    'error',       # a ScoringError
])

# From every process, so that the user is told, once a kind.
Warned = namedtuple('Warned', [
    'kind',        # a word: only the first warning of a kind is shown
    'line',        # the text
])

# From every process, so that the line stands in the one log.
Logged = namedtuple('Logged', [
    'level',       # a level of the `logging` module
    'line',        # the text
])

# From the batcher, so that progress can be told in parts of the input.
Read = namedtuple('Read', [
    'rows',        # rows cut so far
    'position',    # bytes of the file read so far
])

# From a worker, so that the labels of all batches agree; the main process
# sends the first that it gets to all workers.
Labels = namedtuple('Labels', [
    'labels',      # the labels of one good answer
])

# From a worker, when a request has begun.
Sent = namedtuple('Sent', [
    'rows',
    'sent_bytes',  # as sent, compressed or not
])

# From a worker, when the request has a good answer.
Answered = namedtuple('Answered', [
    'rows',
    'seconds',     # from the first byte sent to the last received
    'received_bytes',
    'predicted',   # what `predictions.count` gives where a report is wanted, else None
])

# From a worker, when the request failed and will be tried again.
Retried = namedtuple('Retried', [
    'first_row',
    'rows',
    'reason',      # one line of text
    'kind',        # a word for the statistics: '503', 'timeout', 'connection'
    'wait',        # seconds until the next try
    'next_try',    # seconds until the process sends anything again
    'rounds',      # how many times in a row the server seems to be down
])

# The kind of a failure that is an HTML page in place of an answer.
PAGE = 'page'

# From a worker, when a request was refused, or failed and will not be sent again.
Refused = namedtuple('Refused', [
    'first_row',
    'rows',
    'reason',      # one line of text
    'failing',     # True: the server may be down, and rows wait until others succeed
])

# From a worker, when a request in search of the row to blame was answered well.
Tried = namedtuple('Tried', [])

# From a worker, when a batch is cut in two since its rows are the cause of a failure.
Halved = namedtuple('Halved', [
    'first_row',
    'rows',
])

# From the writer, when a row that was set aside is committed.
SetAside = namedtuple('SetAside', [
    'row',
    'line',        # of the file, where its record begins
    'reason',      # one line of text
])

# From a worker, when a batch is too large and was cut in two; the main
# process tells all others.
Ceiling = namedtuple('Ceiling', [
    'size',        # bytes of input that were too much for one request
])

# From a worker, when a request took longer to send than an answer may take; the main
# process may send the others a ceiling.
SlowToSend = namedtuple('SlowToSend', [
    'size',        # bytes of input that can be sent in that time
])

# From the writer, when rows were committed.
Written = namedtuple('Written', [
    'rows',        # rows in the output so far
    'nulls',       # null values in the output so far
    'size',        # bytes of the output
    'bad',         # rows that were set aside so far
])

# From the writer, when every row is in the output and forced to disk.
Finished = namedtuple('Finished', ['rows', 'nulls', 'size', 'bad'])

# --- orders: from the main process ------------------------------------------

# To every process, so that it ends with what is under way.
Stop = namedtuple('Stop', [
    'seconds',     # how long requests in flight may still take
])

# To the workers, when one of them had a success after a time of failures.
Recovered = namedtuple('Recovered', [])
