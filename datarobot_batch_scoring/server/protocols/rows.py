"""A row of an answer, whatever protocol it is from, and how the vendor's forms are read."""

from __future__ import absolute_import, unicode_literals

from collections import OrderedDict, namedtuple

from datarobot_batch_scoring.dataset.json_text import MISSING, OtherShape
from datarobot_batch_scoring.errors import ScoringError, UsageError

# The column of an answer that is one value a row.
ONE_VALUE = 'prediction'

# What is not there is MISSING.
Row = namedtuple('Row', (
    'id',            # what it has for the row's number; MISSING: its place in the answer
    'scores',        # (label, value) pairs
    'explanations',
    'threshold',
    'decision',
    'in_order',      # True: the columns stand as the scores do, and not sorted by label
    'extras',        # {name: value} of what else it has; under None: a name may be missing. Only
                     # where --extra_cols asks for it; otherwise None
))
# What a protocol knows; all else that a row has is extra.
KNOWN = frozenset([
    'rowId', 'row_id', 'prediction', 'predictionThreshold', 'predictionValues', 'class_probabilities',
    'predictionExplanations', 'reasonCodes'])
EXTRA_OUTPUT = 'extraModelOutput'


def predapi_row(item, layout):
    """An element of an answer in the form of predApi/v1.0 (documented) as a `Row`.

    Raises `InvalidResponse` or `ScoringError`.
    """
    _check_object(item)
    return _row(item, item.get('rowId'), _scores(item.get('predictionValues')), layout)


def v1_row(item, layout):
    """The same for the form of api/v1 (observed)."""
    _check_object(item)
    scores = _old_scores(item.get('class_probabilities'), item.get('prediction', MISSING))
    return _row(item, item.get('row_id'), scores, layout)


def _check_object(item):
    if not isinstance(item, dict):
        raise OtherShape('the response is malformed: a prediction is not an object')


def _row(item, row_id, scores, layout):
    threshold = item.get('predictionThreshold', MISSING)
    if layout.threshold and threshold is MISSING:
        raise no_threshold()
    decision = item.get('prediction', MISSING)
    if layout.decision and decision is MISSING:
        raise OtherShape('the response is malformed: a row has no "prediction"')
    # Old routes call the explanations `reasonCodes` (observed).
    explanations = item.get('predictionExplanations') or item.get('reasonCodes') or ()
    return Row(row_id, scores, explanations, threshold, decision, in_order=False,
               extras=extras_of(item) if layout.extras else None)


def extras_of(item):
    """What a row (a dict) holds besides, in its order: {name: value}; see `Row`."""
    extras = OrderedDict()
    for name, value in item.items():
        if name == EXTRA_OUTPUT and isinstance(value, dict):
            for inner in value:
                extras.setdefault(inner, value[inner])
        elif name == EXTRA_OUTPUT:
            # Null: the model has nothing to say about this row.
            extras[None] = True
        elif name not in KNOWN:
            extras.setdefault(name, value)
    return extras


def no_threshold():
    """The error for --pred_threshold where the answer has no threshold."""
    return ScoringError('no_threshold')


def _scores(values):
    try:
        scores = [(value['label'], value['value']) for value in values]
    except (KeyError, TypeError):
        raise OtherShape('the response is malformed: a row has no "predictionValues"'
                         ' with "label" and "value"')
    if not scores:
        raise OtherShape('the response is malformed: a row has no "predictionValues"')
    return scores


def _old_scores(probabilities, prediction):
    if isinstance(probabilities, dict) and probabilities:
        return list(probabilities.items())
    if probabilities or prediction is MISSING:
        raise OtherShape('the response is malformed: a row has neither "class_probabilities"'
                         ' nor "prediction"')
    return [('', prediction)]


# --- answers without ids -----------------------------------------------------------


def unnumbered_row(item, layout):
    """A number, a text, a list, or an object of values by label, as a `Row` (observed).

    It belongs to the row that was sent in its place. Raises `InvalidResponse`, and `ScoringError`
    for what was asked for and is not there.
    """
    _check_extras(item, layout)
    decision = MISSING
    if isinstance(item, dict):
        scores = list(item.items())
        _check_names([label for label, _ in scores], layout)
    elif isinstance(item, list):
        labels = layout.class_names or [
            '{0}_{1}'.format(ONE_VALUE, place) for place in range(len(item))]
        _check_count(len(item), layout)
        scores = list(zip(labels, item))
    else:
        _check_count(1, layout)
        scores = [(layout.class_names[0] if layout.class_names else ONE_VALUE, item)]
        decision = item
    if not scores:
        raise OtherShape('the response is malformed: a row has no values')
    return Row(MISSING, scores, (), MISSING, decision, in_order=isinstance(item, list),
               extras={} if layout.extras else None)


def labelled_row(item, layout):
    """A row with its prediction and values, but without a number (observed: FastRAG), as a `Row`."""
    if item['predictionValues'] is None:
        row = unnumbered_row(item['prediction'], layout)
    elif layout.class_names:
        raise ScoringError('own_names')
    else:
        row = _row(item, MISSING, _scores(item['predictionValues']), layout)
    return row._replace(extras=extras_of(item)) if layout.extras else row


def _check_extras(item, layout):
    if layout.threshold:
        raise UsageError('threshold_unknown')
    if layout.decision and isinstance(item, (dict, list)):
        raise ScoringError('no_decision')


def _check_count(count, layout):
    if layout.class_names and len(layout.class_names) != count:
        raise ScoringError('class_count', number=len(layout.class_names), values=count)


def _check_names(labels, layout):
    if layout.class_names and sorted(labels) != sorted(layout.class_names):
        raise ScoringError('own_names')
