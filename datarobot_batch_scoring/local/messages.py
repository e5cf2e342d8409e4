"""What the processes send each other: plain data; each pipe has one process that writes to it.

    batcher --ToScore, NoMoreBatches--> worker --Scored, WorkerDone--> writer
    batcher <--Ready-- worker           batcher <--Committed-- writer

Each of them also sends events to the main process, which answers with orders; those of the engine
are in `scoring.events`.
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
    'answers',     # [(rows, seconds, bytes of the result), ...]: those since the last time
])

# From a worker to the writer: nothing more will come from me.
WorkerDone = namedtuple('WorkerDone', [
    'rows',        # number of rows in the whole input; None: the worker was stopped
])

# From the writer to the batcher: rows up to there were set aside, and none is accepted yet.
Rejected = namedtuple('Rejected', ['rows'])

# From the writer to the batcher: there is room for more.
Committed = namedtuple('Committed', [
    'rows',        # rows that are in the output and the checkpoint
])

# --- events: to the main process ------------------------------------------

# From every process, so that one that hangs is noticed.
Heartbeat = namedtuple('Heartbeat', [
    'timeout',     # most seconds until the next sign of life
])

# From every process, so that the main one knows that it ended properly.
Bye = namedtuple('Bye', [])

# From the batcher, so that progress can be shown as a share of the input.
Read = namedtuple('Read', [
    'rows',        # rows cut so far
    'position',    # bytes of the file read so far
])

# From the batcher, at the end of a stream if a report is wanted.
InputDigest = namedtuple('InputDigest', [
    'sha256',      # of its bytes, packed ones if it is gzipped, as text
])

# From the writer, when a row that was set aside is committed.
SetAside = namedtuple('SetAside', [
    'row',
    'line',        # of the file, on which its record begins
    'reason',      # one line of text
])

# From the writer, when rows have been committed.
Written = namedtuple('Written', [
    'rows',        # rows in the output so far
    'nulls',       # null values in the output so far
    'size',        # bytes of the output
    'bad',         # rows that were set aside so far
    'tally',       # predictions.RowStatistics of the output so far if a report is wanted, else None
    'short',       # checks.Short: records with too few fields in the output so far
])

# From the writer, when every row is in the output and forced to disk.
Finished = namedtuple('Finished', ['rows', 'nulls', 'size', 'bad'])

# --- orders: from the main process ------------------------------------------

# To every process: finish what is under way, and end.
Stop = namedtuple('Stop', [
    'seconds',     # how long requests in flight may still take
])
