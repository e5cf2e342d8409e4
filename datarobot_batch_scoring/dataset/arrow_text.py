"""Columns of Arrow as CSV text, many rows at once."""

from __future__ import absolute_import, unicode_literals

import struct
from decimal import Decimal

from datarobot_batch_scoring.dataset import escapes
from datarobot_batch_scoring.dataset.types import BOOLEAN, INTEGER, MAX_EXACT, NUMBER, STRING

# In RE2's grammar: what of a time is written otherwise, in turn.
_TIMES = ((r'^(\S+) ', r'\1T'), (r'(\.\d*[1-9])0+', r'\1'), (r'\.0+($|[Z+-])', r'\1'),
          (r'([+-]\d\d)(\d\d)$', r'\1:\2'))
_WHOLE = (r'^(-?\d+)$', r'\1.0')
_NOT_FINITE = ((r'^nan$', 'NaN'), (r'^(-?)inf$', r'\1Infinity'))
_OURS = (escapes.LINE_FEED, escapes.CARRIAGE_RETURN, escapes.REASON)


def is_readable(column_type):
    """Whether CSV can hold columns of an Arrow type."""
    types = _pyarrow().types
    column_type = _plain(column_type)
    return (_is_text(column_type) or _is_number(column_type) or types.is_boolean(column_type)
            or types.is_date(column_type) or types.is_timestamp(column_type)
            or types.is_time(column_type) or types.is_null(column_type))


def type_of(column_type, statistics):
    """The type of a column, one of `types.TYPES`, or None: what it holds must show it.

    `statistics` are Parquet's, for each row group.
    """
    types = _pyarrow().types
    column_type = _plain(column_type)
    if types.is_integer(column_type) or types.is_decimal(column_type) and column_type.scale <= 0:
        return _type_of_integers(statistics)
    if types.is_boolean(column_type):
        return BOOLEAN
    if types.is_null(column_type):
        return None
    return NUMBER if _is_number(column_type) else STRING


def _type_of_integers(statistics):
    known = [group for group in statistics if group is not None and group.has_null_count]
    if len(known) < len(statistics) or not all(group.has_min_max or not group.num_values for group in known):
        return None
    if any(max(abs(group.min), abs(group.max)) > MAX_EXACT for group in known if group.has_min_max):
        return STRING
    return NUMBER if any(group.null_count for group in known) else INTEGER


def lines_of(columns):
    """The lines (bytes) of columns, a list of Arrow arrays; nulls are empty."""
    compute, nothing = _pyarrow().compute, _constant(b'')
    join = compute.binary_join_element_wise
    texts = [compute.coalesce(_text(column), nothing) for column in columns]
    if len(texts) == 1:
        texts = [_without_blanks(texts[0])]
    texts[-1] = join(texts[-1], _constant(b'\n'), nothing)
    return _joined(join(*(texts + [_constant(b',')])))


def _constant(data):
    # `pyarrow.scalar` would import pandas, where there is one, which takes a second.
    pyarrow = _pyarrow()
    offsets = struct.pack(str('qq'), 0, len(data))
    return pyarrow.Array.from_buffers(
        pyarrow.large_binary(), 1, [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(data)])[0]


def _joined(array):
    """The values of a binary array (large, without nulls), one behind the other."""
    if not len(array):
        return b''
    _, offsets, data = array.buffers()
    if data is None:
        return b''
    places = memoryview(offsets).cast('q')
    return data[places[array.offset]:places[array.offset + len(array)]].to_pybytes()


def _pyarrow():
    # An extra: only who has a Parquet file needs it.
    import pyarrow
    import pyarrow.compute  # noqa: F401
    return pyarrow


def _plain(column_type):
    types = _pyarrow().types
    if isinstance(column_type, _pyarrow().BaseExtensionType):
        return _plain(column_type.storage_type)
    return column_type.value_type if types.is_dictionary(column_type) else column_type


def _is_text(column_type):
    types = _pyarrow().types
    return (types.is_string(column_type) or types.is_large_string(column_type)
            or getattr(types, 'is_string_view', types.is_string)(column_type))


def _is_number(column_type):
    types = _pyarrow().types
    return types.is_integer(column_type) or types.is_floating(column_type) or types.is_decimal(column_type)


def _text(array):
    """An array as one of texts, as `large_binary` and ready for CSV."""
    pyarrow = _pyarrow()
    if isinstance(array.type, pyarrow.BaseExtensionType):
        array = array.storage
    if pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pyarrow.types.is_null(array.type):
        return pyarrow.nulls(len(array), pyarrow.large_binary())
    if _is_text(array.type):
        return _quoted(array.cast(pyarrow.large_string()).cast(pyarrow.large_binary()))
    return _unquoted_text(array).cast(pyarrow.large_string()).cast(pyarrow.large_binary())


def _unquoted_text(array):
    types, string = _pyarrow().types, _pyarrow().string()
    if types.is_floating(array.type):
        return _floats(array)
    texts = array.cast(string)
    if types.is_decimal(array.type):
        return _decimals(texts)
    has_time = types.is_timestamp(array.type) or types.is_time(array.type)
    return _replaced(texts, _TIMES) if has_time else texts


def _floats(array):
    pyarrow = _pyarrow()
    compute = pyarrow.compute
    if array.type == pyarrow.float16():
        array = array.cast(pyarrow.float32())
    texts = array.cast(pyarrow.string())
    if compute.any(compute.equal(compute.trunc(array), array)).as_py():
        texts = _replaced(texts, [_WHOLE])
    if not compute.all(compute.is_finite(array)).as_py():
        texts = _replaced(texts, _NOT_FINITE)
    return texts


def _decimals(texts):
    if b'E' not in _bytes_of(texts):
        return texts
    return _pyarrow().array([text and '{0:f}'.format(Decimal(text)) for text in texts.to_pylist()],
                            _pyarrow().string())


def _replaced(texts, replacements):
    for pattern, replacement in replacements:
        texts = _pyarrow().compute.replace_substring_regex(texts, pattern, replacement)
    return texts


def _bytes_of(array):
    data = array.buffers()[2]
    return data.to_pybytes() if data is not None else b''


def _quoted(array):
    """Texts as CSV fields; most columns have nothing to quote."""
    pyarrow = _pyarrow()
    compute = pyarrow.compute
    data = _bytes_of(array)
    if any(escape in data for escape in _OURS):
        # Not UTF-8: what is sent is checked.
        array = pyarrow.array([
            value if value is None else value.decode('utf-8', 'surrogateescape').encode(
                'utf-8', 'surrogatepass') for value in array.to_pylist()], pyarrow.large_binary())
    if not escapes.SPECIAL.search(data):
        return array
    fields = compute.replace_substring(array, b'"', b'""')
    array = compute.if_else(
        compute.match_substring_regex(array, escapes.SPECIAL.pattern), _in_quotes(fields), array)
    for plain, escape in ((b'\n', escapes.LINE_FEED), (b'\r', escapes.CARRIAGE_RETURN)):
        if plain in data:
            array = compute.replace_substring(array, plain, escape)
    return array


def _without_blanks(array):
    # A blank line would not be a record.
    compute = _pyarrow().compute
    return compute.if_else(compute.match_substring_regex(array, b'^[ \\t]*$'), _in_quotes(array), array)


def _in_quotes(array):
    return _pyarrow().compute.binary_join_element_wise(
        _constant(b'"'), array, _constant(b'"'), _constant(b''))
