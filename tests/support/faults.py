"""What a server can do wrong: see `Server.fail`.

A fault is a function of an `Exchange`. The functions here make such
functions: `server.fail(faults.status(503))`. For when it strikes, see `when.py`.
"""

from __future__ import absolute_import, unicode_literals

import email.utils
import functools
import gzip
import io
import json
import time
from collections import OrderedDict

from datarobot_batch_scoring.demo import app

from echo import Json


def fault(function):
    """Turns `function(exchange, ...)` into one that takes the other arguments and makes a fault."""
    @functools.wraps(function)
    def prepare(*args, **options):
        def strike(exchange):
            return function(exchange, *args, **options)
        strike.name = function.__name__
        return strike
    return prepare


# --- another answer --------------------------------------------------------


@fault
def status(exchange, code, message='no', headers=(), body=None):
    """An error with a JSON message, or with `body` (bytes) as given."""
    if body is None:
        body = json.dumps({'message': message}).encode('ascii')
    exchange.send(code, body, headers)


@fault
def retry_after(exchange, seconds, code=429, as_date=False):
    """An error that says when to come back: in seconds or as an HTTP date."""
    when = '{0}'.format(seconds)
    if as_date:
        when = email.utils.formatdate(time.time() + seconds, usegmt=True)
    exchange.send(code, b'{"message": "later"}', [('Retry-After', when)])


@fault
def redirect(exchange, location, code=302):
    """A redirect to another URL."""
    exchange.send(code, b'', [('Location', location)])


@fault
def html(exchange, code=200):
    """What a gateway might say."""
    exchange.send(code, b'<html><body><h1>Bad gateway</h1></body></html>',
                  [('Content-Type', 'text/html')])


@fault
def garbage(exchange, body=b'\x00\xff{]'):
    """A 200 whose body is not JSON, or is `body`."""
    exchange.send(200, body)


@fault
def not_http(exchange, data=b'SSH-2.0-OpenSSH_9.9\r\n'):
    """Something that is not HTTP at all."""
    exchange.write(data)
    exchange.keep = False


# --- a good answer with other rows -----------------------------------------


def rewritten(change, name='rewritten'):
    """A fault that applies `change` to the rows of a good answer.

    `change(rows)` takes and returns rows as `Echo.answer` makes them.
    """
    def strike(exchange):
        route, rows = exchange.good_rows()
        exchange.send(200, exchange.server.echo.wrap(
            change(rows), route, app.batch_id(route, exchange.record.body)))
    strike.name = name
    return strike


def rows_too_few(count=1):
    """The last rows are missing."""
    return rewritten(lambda rows: rows[:-count], 'rows_too_few')


def rows_too_many(count=1):
    """There are rows at the end that nobody sent, with the next row ids."""
    def more(rows):
        extra = [_with_id(rows[-1], len(rows) + n) for n in range(count)]
        return rows + extra
    return rewritten(more, 'rows_too_many')


def doubled_ids():
    """The last row has the id of the first; a batch of one row does not change."""
    return rewritten(lambda rows: rows[:-1] + [
        _with_id(rows[-1], _id(rows[0]))], 'doubled_ids')


def shifted_ids(by=1):
    """The ids begin at 1 instead of 0."""
    return rewritten(lambda rows: [_with_id(row, _id(row) + by)
                                   for row in rows], 'shifted_ids')


def without_ids():
    """No row has an id."""
    return rewritten(lambda rows: [
        OrderedDict((key, row[key]) for key in row if key != _id_key(row))
        for row in rows], 'without_ids')


def other_labels(suffix=' (new)'):
    """Every label is different from the usual one."""
    return rewritten(lambda rows: [_relabelled(row, suffix)
                                   for row in rows], 'other_labels')


def values(raw):
    """Every value is this JSON text: 'null', 'NaN', '"text"'."""
    return rewritten(lambda rows: [_revalued(row, Json(raw))
                                   for row in rows], 'values')


def _id_key(row):
    return 'rowId' if 'rowId' in row else 'row_id'


def _id(row):
    return row[_id_key(row)]


def _with_id(row, number):
    return OrderedDict(row, **{str(_id_key(row)): number})


def _relabelled(row, suffix):
    row = OrderedDict(row)
    if 'predictionValues' in row:
        row['predictionValues'] = [
            dict(each, label='{0}{1}'.format(each['label'], suffix))
            for each in row['predictionValues']]
    if 'class_probabilities' in row:
        row['class_probabilities'] = OrderedDict(
            (label + suffix, value)
            for label, value in row['class_probabilities'].items())
    return row


def _revalued(row, value):
    row = OrderedDict(row, prediction=value)
    if 'predictionValues' in row:
        row['predictionValues'] = [dict(each, value=value)
                                   for each in row['predictionValues']]
    if 'class_probabilities' in row:
        row['class_probabilities'] = OrderedDict(
            (label, value) for label in row['class_probabilities'])
    return row


# --- a good answer, badly sent ---------------------------------------------


@fault
def truncated(exchange, missing=1):
    """The last bytes never come: the connection ends."""
    code, body = exchange.good_answer()
    exchange.keep = False
    exchange.send(code, body[:-missing], length=len(body))


@fault
def wrong_length(exchange, by=-1):
    """Content-Length says more or less than there is."""
    code, body = exchange.good_answer()
    exchange.keep = False
    exchange.send(code, body, length=len(body) + by)


@fault
def odd_length(exchange, length):
    """A good answer up to the end of the connection, with a length that is not a number."""
    code, body = exchange.good_answer()
    exchange.keep = False
    exchange.send(code, body, length=length)


@fault
def hang_up(exchange):
    """The connection is closed instead of an answer."""
    exchange.keep = False


@fault
def reset(exchange):
    """The connection is reset instead of an answer."""
    exchange.reset()


@fault
def reset_in_body(exchange):
    """The connection is reset halfway through the answer."""
    code, body = exchange.good_answer()
    exchange.send(code, body[:len(body) // 2], length=len(body))
    # Otherwise the reset would overtake what was written.
    exchange.client_is_there(0.05)
    exchange.reset()


@fault
def reset_at_next(exchange):
    """A good answer, and a reset when the next request comes."""
    exchange.answer_well()
    while exchange.client_is_there(0.05) and exchange.wait(0):
        pass
    exchange.reset()


@fault
def silent_close(exchange):
    """A good answer and then the end, without `Connection: close`."""
    exchange.answer_well()
    exchange.keep = False


@fault
def never(exchange):
    """No answer until the server stops or the client gives up."""
    while exchange.client_is_there(0.05) and exchange.wait(0):
        pass
    exchange.keep = False


@fault
def half_a_head(exchange):
    """Half a status line, and then nothing until the client gives up."""
    exchange.write(b'HTTP/1.1 20')
    never()(exchange)


@fault
def stalled(exchange, code):
    """A status and headers, and then nothing until the client gives up."""
    exchange.send_head(code, [('Content-Length', 20)])
    never()(exchange)


@fault
def slow(exchange, seconds):
    """A good answer, `seconds` later."""
    exchange.wait(seconds)
    exchange.answer_well()


@fault
def held(exchange, event):
    """A good answer, as soon as a `threading.Event` is set."""
    while not event.wait(0.02):
        if not exchange.wait(0):
            return
    exchange.answer_well()


@fault
def drip(exchange, seconds, in_head=False):
    """A byte every `seconds` seconds: of the body only, or of the whole answer."""
    code, body = exchange.good_answer()
    headers = [('Content-Type', 'application/json'),
               ('Content-Length', len(body))]
    head = exchange.head(code, headers)
    exchange.record.status = code
    if not in_head:
        exchange.write(head)
    for byte in bytearray(head + body if in_head else body):
        exchange.write(bytes(bytearray([byte])))
        if not exchange.wait(seconds):
            return


@fault
def close_delimited(exchange):
    """A good answer without a length, which ends where the connection does."""
    code, body = exchange.good_answer()
    exchange.keep = False
    exchange.send_head(code)
    exchange.write(body)


@fault
def chunked(exchange, size=1000, complete=True):
    """A good answer in chunks; without the last one if not `complete`."""
    code, body = exchange.good_answer()
    exchange.send_head(code, [('Transfer-Encoding', 'chunked')])
    for start in range(0, len(body), size):
        exchange.write(_chunk(body[start:start + size]))
    if complete:
        exchange.write(b'0\r\n\r\n')
    exchange.keep = exchange.keep and complete


@fault
def chunked_with_length(exchange, by):
    """A good answer in one chunk, with a wrong length, which does not count."""
    code, body = exchange.good_answer()
    exchange.send_head(code, [('Transfer-Encoding', 'chunked'),
                              ('Content-Length', len(body) + by)])
    exchange.write(_chunk(body) + b'0\r\n\r\n')


@fault
def negative_chunk(exchange):
    """A chunk whose size is below zero."""
    exchange.send_head(200, [('Transfer-Encoding', 'chunked')])
    exchange.write(b'-5\r\n{"data": []}\r\n0\r\n\r\n')
    exchange.keep = False


@fault
def gzipped(exchange, missing=0):
    """A good answer, gzipped; broken if bytes at its end are `missing`."""
    code, body = exchange.good_answer()
    packed = _gzip([body])
    exchange.send(code, packed[:len(packed) - missing],
                  [('Content-Encoding', 'gzip')])


@fault
def gzip_members(exchange, size=100, rest=b''):
    """A good answer, gzipped in members of `size` bytes, and then `rest`."""
    code, body = exchange.good_answer()
    packed = b''.join(_gzip([body[start:start + size]]) for start in range(0, len(body), size))
    exchange.send(code, packed + rest, [('Content-Encoding', 'gzip')])


@fault
def interim(exchange, *codes):
    """A good answer after others with these statuses (1xx), each with a header."""
    for code in codes:
        exchange.write(exchange.head(code, [('Link', '</style.css>; rel=preload')]))
    exchange.answer_well()


@fault
def interim_without_end(exchange, seconds=0.01):
    """Answers with 102, again and again, until the client gives up."""
    while exchange.wait(seconds):
        exchange.write(b'HTTP/1.1 102 Processing\r\n\r\n')


@fault
def page(exchange, words='Sign in to the network'):
    """A page (HTML) with 200."""
    body = '<!DOCTYPE html><html><body>{0}</body></html>'.format(words)
    exchange.send(200, body.encode('utf-8'), [('Content-Type', 'text/html; charset=utf-8')])


@fault
def gzip_bomb(exchange, size=1 << 30):
    """A few bytes that unpack to `size` spaces before a good answer."""
    code, body = exchange.good_answer()
    blanks = [b' ' * (1 << 20)] * (size >> 20)
    exchange.send(code, _gzip(blanks + [body]),
                  [('Content-Encoding', 'gzip')])


@fault
def endless(exchange, in_chunks=True, limit=1 << 40):
    """A body that goes on until the client has had enough, or `limit`."""
    exchange.keep = False
    exchange.send_head(200, [('Transfer-Encoding', 'chunked')]
                       if in_chunks else [])
    piece = b'{"data": [' + b' ' * (1 << 16)
    piece = _chunk(piece) if in_chunks else piece
    for _ in range(0, limit, len(piece)):
        exchange.write(piece)
        if not exchange.wait(0):
            return


@fault
def endless_head(exchange):
    """Headers without end."""
    exchange.keep = False
    exchange.write(b'HTTP/1.1 200 OK\r\n')
    while exchange.wait(0):
        exchange.write(b'X-More: ' + b'x' * 1000 + b'\r\n')


def _chunk(data):
    return '{0:x}\r\n'.format(len(data)).encode('ascii') + data + b'\r\n'


def _gzip(pieces):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb') as out:
        for piece in pieces:
            out.write(piece)
    return packed.getvalue()
