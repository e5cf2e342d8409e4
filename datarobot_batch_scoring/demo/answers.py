"""Scored rows as the JSON of a prediction server."""

from __future__ import absolute_import, unicode_literals

from collections import OrderedDict

from .model import TEXT_TASK

# What is one value a row.
ONE_VALUE = ('Regression', TEXT_TASK)


def predapi_answer(scored, threshold=None, explanations=None, passed=()):
    """The answer of `predApi/v1.0`, as plain data for JSON.

    `scored` is a list of `model.Scored`; `explanations` is the key that
    their explanations go under, None for none. `passed` has a dict of the input's columns to
    repeat for each row, where that was asked for.
    """
    rows = [_predapi_row(number, each, threshold, explanations)
            for number, each in enumerate(scored)]
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
        row[explanations] = [_explanation(each)
                             for each in scored.explanations]
    if scored.extra:
        row['extraModelOutput'] = scored.extra
    return row


def _explanation(each):
    sign = '+' if each.strength > 0 else '-'
    weight = 3 if each.share > 0.4 else 2 if each.share > 0.15 else 1
    return OrderedDict([
        ('feature', each.feature), ('strength', each.strength),
        ('featureValue', each.value), ('label', each.label),
        ('qualitativeStrength', sign * weight)])


def drum_answer(scored, task):
    """The answer of DRUM, rounded to ten decimals, as that is (observed)."""
    if task in ONE_VALUE:
        rows = [_rounded(each.prediction) for each in scored]
    else:
        rows = [OrderedDict((label, _rounded(value)) for label, value in each.values)
                for each in scored]
    return _with_extras({'predictions': rows}, scored)


def _rounded(value):
    return round(value, 10) if isinstance(value, float) else value


def _with_extras(answer, scored):
    """An answer with what the model says besides, as a table (observed)."""
    if scored and scored[0].extra:
        answer['extraModelOutput'] = OrderedDict([
            ('columns', list(scored[0].extra)), ('index', list(range(len(scored)))),
            ('data', [list(each.extra.values()) for each in scored])])
    return answer


def fastrag_answer(scored, task):
    """The answer of FastRAG (observed)."""
    if task == TEXT_TASK:
        rows = [each.prediction for each in scored]
    else:
        rows = [OrderedDict([
            ('prediction', each.prediction),
            ('predictionValues', None if task == 'Regression' else [
                OrderedDict([('label', label), ('value', value)]) for label, value in each.values])])
            for each in scored]
    return _with_extras(OrderedDict([('extraModelOutput', None), ('predictions', rows)]), scored)


def mlflow_answer(scored, task):
    """The answer of MLflow: probabilities without labels (observed)."""
    if task in ONE_VALUE:
        return {'predictions': [each.prediction for each in scored]}
    return {'predictions': [[value for _, value in each.values] for each in scored]}


def v2_answer(scored, task):
    """The answer of the Open Inference Protocol: a tensor per output (observed: MLServer)."""
    outputs = [_tensor('predict', [each.prediction for each in scored])]
    if task != 'Regression':
        values = [value for each in scored for _, value in each.values]
        outputs.append(_tensor('predict_proba', values, len(scored[0].values)))
    return OrderedDict([('model_name', task), ('outputs', outputs)])


def _tensor(name, values, width=1):
    is_text = not isinstance(values[0], float)
    return OrderedDict([
        ('name', name), ('shape', [len(values) // width, width]),
        ('datatype', 'BYTES' if is_text else 'FP64'),
        ('data', ['{0}'.format(each) for each in values] if is_text else values)])


def v1_answer(scored, task, model_id):
    """The answer of `api/v1`, as plain data for JSON.

    `execution_time`, in milliseconds, is for the caller to fill in.
    """
    return OrderedDict([
        ('status', ''), ('code', 200), ('version', 'v1'), ('task', task),
        ('model_id', model_id), ('execution_time', 0.0),
        ('predictions', [_v1_row(number, each, task)
                         for number, each in enumerate(scored)])])


def _v1_row(number, scored, task):
    row = OrderedDict([('row_id', number), ('prediction', scored.prediction)])
    if task != 'Regression':
        row['class_probabilities'] = OrderedDict(scored.values)
    return row
