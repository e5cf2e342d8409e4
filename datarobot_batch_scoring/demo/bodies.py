"""Bodies of a prediction server: those of requests as rows of text, scored rows as JSON."""

from __future__ import absolute_import, unicode_literals

import csv
import io
import json
from collections import OrderedDict

from ..compat import PY2
from ..compat import text as to_text
from ..dataset.csv_bytes import write_records
from .model import TEXT_TASK

MAX_FIELD_LENGTH = 64 * 1024 * 1024

# What is one value a row.
ONE_VALUE = ('Regression', TEXT_TASK)


def predapi_answer(scored, threshold=None, explanations=None, passed=()):
    """The answer of `predApi/v1.0`, as plain data for JSON.

    `scored` is a list of `model.Scored`; `explanations` is the key that
    their explanations go under, None for none. `passed` has a dict of the input's columns to
    repeat for each row, where that was asked for.
    """
    rows = [_predapi_row(number, scored_row, threshold, explanations)
            for number, scored_row in enumerate(scored)]
    for row, values in zip(rows, passed):
        row['passthroughValues'] = values
    return {'data': rows}


def _predapi_row(number, scored, threshold, explanations):
    row = OrderedDict([('rowId', number), ('prediction', scored.prediction)])
    if threshold is not None:
        row['predictionThreshold'] = threshold
    row['predictionValues'] = [
        OrderedDict([('label', label), ('value', value)])
        for label, value in scored.values]
    if explanations:
        row[explanations] = [_explanation(explanation)
                             for explanation in scored.explanations]
    if scored.extra:
        row['extraModelOutput'] = scored.extra
    return row


def _explanation(explanation):
    sign = '+' if explanation.strength > 0 else '-'
    weight = 3 if explanation.share > 0.4 else 2 if explanation.share > 0.15 else 1
    return OrderedDict([
        ('feature', explanation.feature), ('strength', explanation.strength),
        ('featureValue', explanation.value), ('label', explanation.label),
        ('qualitativeStrength', sign * weight)])


def drum_answer(scored, task):
    """The answer of DRUM, rounded to ten decimals, as that is (observed)."""
    if task in ONE_VALUE:
        rows = [_rounded(scored_row.prediction) for scored_row in scored]
    else:
        rows = [OrderedDict((label, _rounded(value)) for label, value in scored_row.values)
                for scored_row in scored]
    return _with_extras({'predictions': rows}, scored)


def _rounded(value):
    return round(value, 10) if isinstance(value, float) else value


def _with_extras(answer, scored):
    """An answer with what the model says besides, as a table (observed)."""
    if scored and scored[0].extra:
        answer['extraModelOutput'] = OrderedDict([
            ('columns', list(scored[0].extra)), ('index', list(range(len(scored)))),
            ('data', [list(scored_row.extra.values()) for scored_row in scored])])
    return answer


def fastrag_answer(scored, task):
    """The answer of FastRAG (observed)."""
    if task == TEXT_TASK:
        rows = [scored_row.prediction for scored_row in scored]
    else:
        rows = [OrderedDict([
            ('prediction', scored_row.prediction),
            ('predictionValues', None if task == 'Regression' else [
                OrderedDict([('label', label), ('value', value)]) for label, value in scored_row.values])])
            for scored_row in scored]
    return _with_extras(OrderedDict([('extraModelOutput', None), ('predictions', rows)]), scored)


def mlflow_answer(scored, task):
    """The answer of MLflow: probabilities without labels (observed)."""
    if task in ONE_VALUE:
        return {'predictions': [scored_row.prediction for scored_row in scored]}
    return {'predictions': [[value for _, value in scored_row.values] for scored_row in scored]}


def v2_answer(scored, task):
    """The answer of the Open Inference Protocol: a tensor per output (observed: MLServer)."""
    outputs = [_tensor('predict', [scored_row.prediction for scored_row in scored])]
    if task != 'Regression':
        values = [value for scored_row in scored for _, value in scored_row.values]
        outputs.append(_tensor('predict_proba', values, len(scored[0].values)))
    return OrderedDict([('model_name', task), ('outputs', outputs)])


def _tensor(name, values, width=1):
    is_text = not isinstance(values[0], float)
    return OrderedDict([
        ('name', name), ('shape', [len(values) // width, width]),
        ('datatype', 'BYTES' if is_text else 'FP64'),
        ('data', ['{0}'.format(value) for value in values] if is_text else values)])


def v1_answer(scored, task, model_id):
    """The answer of `api/v1`, as plain data for JSON.

    `execution_time`, in milliseconds, is for the caller to fill in.
    """
    return OrderedDict([
        ('status', ''), ('code', 200), ('version', 'v1'), ('task', task),
        ('model_id', model_id), ('execution_time', 0.0),
        ('predictions', [_v1_row(number, scored_row, task)
                         for number, scored_row in enumerate(scored)])])


def _v1_row(number, scored, task):
    row = OrderedDict([('row_id', number), ('prediction', scored.prediction)])
    if task != 'Regression':
        row['class_probabilities'] = OrderedDict(scored.values)
    return row


def as_csv(body):
    """A request whose columns have types, in MLflow's form or of the Open Inference Protocol, as CSV.

    Bytes; numbers keep their text. Raises ValueError, with a message for the sender.
    """
    request = json.loads(body.decode('utf-8'), parse_float=to_text, parse_int=to_text, parse_constant=to_text)
    try:
        if 'inputs' in request:
            names = [tensor['name'] for tensor in request['inputs']]
            columns = [tensor['data'] for tensor in request['inputs']]
            shapes = [tensor['shape'] for tensor in request['inputs']]
            if [int(shape[0]) for shape in shapes] != [len(column) for column in columns] or len(
                    set(map(len, columns))) != 1:
                raise ValueError('The inputs are of unequal length')
            records = list(zip(*columns))
        else:
            names, records = (request['dataframe_split'][key] for key in ('columns', 'data'))
    except (KeyError, TypeError, AttributeError):
        raise ValueError('The body has neither "inputs" nor "dataframe_split"')
    return write_records([names] + [[_cell(cell) for cell in record] for record in records], ',', '\n')


def _cell(value):
    if value is None or value == 'NaN':
        return ''
    return {True: 'true', False: 'false'}[value] if isinstance(value, bool) else value


def read_table(body):
    """The header and the records of a CSV file in UTF-8 bytes.

    Returns a list of column names and a list of `(line, fields)`, all text;
    `line` is where the record ends, from 1. Blank lines are left out.
    Raises ValueError, with a message for the sender, if it is not CSV.
    """
    csv.field_size_limit(MAX_FIELD_LENGTH)
    try:
        content = body.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError('The body is not UTF-8: byte {0}'.format(error.start))
    reader = csv.reader(_lines(content))
    try:
        records = [(reader.line_num, _decoded(fields)) for fields in reader if fields]
    except csv.Error as error:
        raise ValueError('The body is not CSV: line {0}: {1}'.format(
            reader.line_num, error))
    if not records:
        return [], []
    return records[0][1], records[1:]


def _lines(content):
    if PY2:
        # The csv module of Python 2 reads bytes.
        return io.BytesIO(content.encode('utf-8'))
    return io.StringIO(content, newline='')


def _decoded(fields):
    return [field.decode('utf-8') for field in fields] if PY2 else fields
