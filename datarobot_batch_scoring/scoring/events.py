"""What the engine tells its process, and what it is told: plain data that can cross processes."""

from __future__ import absolute_import, unicode_literals

from collections import namedtuple

# --- results ------------------------------------------------------------------

# Rows for the output.
Scored = namedtuple('Scored', [
    'first_row',   # of the batch, or of the part of one
    'rows',
    'digests',     # ((end, sha256), ...): segments of the input up to their end
    'labels',      # the prediction labels, in the order of the columns; None: a bad row
    'nulls',       # how many values were null
    'short',       # checks.Short: its records with too few fields
    'csv',         # the rows as the output has them: bytes, gzipped if it is; None: a bad row
    'bad',         # BadRow if the only row is set aside, else None
    'predicted',   # what `predictions.count` gives if a report is wanted, else None
])

# A row that the server rejected, or that cannot be sent, and that is to be set aside.
BadRow = namedtuple('BadRow', [
    'line',        # of the file, on which the record begins
    'reason',      # one line of text
    'record',      # with commas, and not more fields than the header: bytes, without its line end
    'kept',        # its values in the kept columns, as `request.Body` has them
    'surplus',     # the fields that are too many, with commas: bytes
    'unsendable',  # the reason without the line, if it cannot be sent; None: the server rejected it
])

# --- events ---------------------------------------------------------------------

# The run ends with this error.
Failed = namedtuple('Failed', [
    'error',       # a ScoringError
])

# The user is warned, once for each kind.
Warned = namedtuple('Warned', [
    'kind',        # a word: only the first warning of a kind is shown
    'line',        # the text
])

# A line for the log of the run.
Logged = namedtuple('Logged', [
    'level',       # a level of the `logging` module
    'line',        # the text
])

# A request has begun.
Sent = namedtuple('Sent', [
    'rows',
    'sent_bytes',  # of the body as sent, compressed or not
])

# It has a good answer.
Answered = namedtuple('Answered', [
    'rows',
    'seconds',     # from the first byte sent to the last received
    'busy',        # seconds that a thread was busy with it, all in all
    'received_bytes',
])

# It failed and will be sent again.
Retried = namedtuple('Retried', [
    'first_row',
    'rows',
    'reason',      # one line of text
    'kind',        # a word for the statistics: '503', 'timeout', 'connection'
    'wait',        # seconds until the next attempt
    'next_try',    # seconds until the process sends anything again
])

# The kind of a failure where an HTML page came in place of an answer.
PAGE = 'page'
# Where it was JSON of another shape than predictions have.
OTHER_SHAPE = 'other shape'
# It was rejected, or failed and will not be sent again.
Refused = namedtuple('Refused', [
    'first_row',
    'rows',
    'reason',      # one line of text
    'failing',     # True: the server may be down, and the rows wait until others succeed
])

# A request that looks for the row to blame has an answer.
Tried = namedtuple('Tried', [])

# A batch is split because its rows cause a failure.
Split = namedtuple('Split', [
    'first_row',
    'rows',
])

# A request took longer to send than an answer may take.
SlowToSend = namedtuple('SlowToSend', [
    'size',        # bytes of input that can be sent in that time
])

# --- both: one engine tells it, and all must know --------------------------------

# The server does not know the route of the plan: requests go to the other one.
OtherRoute = namedtuple('OtherRoute', [])

# The labels of all batches are those of the first good answer.
Labels = namedtuple('Labels', ['labels'])

# A batch was too large and has been split: what is as large is too.
SizeLimit = namedtuple('SizeLimit', [
    'size',        # bytes of input that were too much for one request
])

# --- orders ----------------------------------------------------------------------

# Where it is found out how many requests should be in flight.
Concurrency = namedtuple('Concurrency', [
    'number',      # in all engines
    'trying',      # True: it is being tried
])

# One of the engines has succeeded after a time of failures.
Recovered = namedtuple('Recovered', [])
