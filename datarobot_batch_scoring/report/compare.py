"""What changed from one report to another: tables for the terminal, and for a page."""

from __future__ import absolute_import, division, unicode_literals

import math
from collections import Counter, OrderedDict, namedtuple

from datarobot_batch_scoring.scoring import histogram
from datarobot_batch_scoring.report.charts import count, moment

# The usual limits of the population stability index.
SMALL, LARGE = 0.1, 0.25
GROUPS = 10
MAX_CHART_BINS = 32
MAX_CLASSES = 20
MAX_TIMES = 100
# Numbers from here on, which four digits round to a thousand, have none after the point.
THOUSAND = 999.95
# From here on, they are written with an exponent.
LARGE_NUMBER = 1e12

# A part of the comparison.
Section = namedtuple('Section', [
    'title',
    'rows',    # [(name, before, after, change), ...], all of them text
    'note',    # a sentence, or ''
    'numbers',  # [(start, end, share before, share after), ...]: a histogram to draw; or ()
    'classes',  # [(class, share before, share after), ...]: bars to draw; or ()
    'index',   # the population stability index, or None
])
Section.__new__.__defaults__ = (None,)

NAMES = OrderedDict([
    ('rows', 'rows'), ('bad_rows', 'rows set aside'), ('null_values', 'null values'),
    ('batches', 'batches'), ('seconds', 'seconds'), ('mean_rows_per_second', 'rows per second')])


def compare(before, after):
    """The `Section`s for two `reading.Report`s."""
    sections = [_run(before, after), _rows(before, after), _latency(before, after)]
    if before.classes is not None or after.classes is not None:
        sections.append(_classes('Predictions by class', before.classes, after.classes))
    labels = list(before.columns) + [label for label in after.columns if label not in before.columns]
    for label in labels:
        column_before, column_after = before.columns.get(label), after.columns.get(label)
        sections.append(_column(label, column_before, column_after))
        if column_before and column_after and (column_before.classes, column_after.classes) not in (
                (None, None), (before.classes, after.classes)):
            sections.append(_classes(
                'Predictions by class: {0}'.format(label), column_before.classes, column_after.classes))
    return [section for section in sections if section.rows]


def _run(before, after):
    figures_before, figures_after = before.figures, after.figures
    rows = [('dataset', before.settings.get('dataset') or '', after.settings.get('dataset') or '', '')]
    if figures_before['input'] and figures_after['input']:
        same = figures_before['input'] == figures_after['input']
        rows.append(('SHA-256 of the dataset', figures_before['input'][:12], figures_after['input'][:12],
                     'the same' if same else 'differs'))
    rows += [(name, moment(figures_before[name]), moment(figures_after[name]), '') for name in ('began', 'ended')]
    rows += [(name.replace('_', ' '), figures_before[name] or '', figures_after[name] or '',
              '' if figures_before[name] == figures_after[name] else 'differs')
             for name in ('outcome', 'exit_code', 'version')]
    names = [name for name in before.settings if name in after.settings]
    rows += [(name, before.settings[name] or '', after.settings[name] or '', 'differs')
             for name in names
             if name != 'dataset' and before.settings[name] != after.settings[name]]
    notes = ['The predictions in {0} cover its last run only.'.format(report.path)
             for report in (before, after) if report.partial]
    return Section('The runs', rows, ' '.join(notes), (), ())


def _rows(before, after):
    rows = [_numbers_row(NAMES[name], before.figures[name], after.figures[name])
            for name in NAMES]
    return Section('Rows', rows, '', (), ())


def _latency(before, after):
    rows = [_numbers_row('max' if name == 'max' else 'p{0}'.format(name[1:]),
                         before.latency[name], after.latency[name], ' s')
            for name in before.latency if name in after.latency]
    return Section('Request latency', rows, '', (), ())


def _numbers_row(name, before, after, unit=''):
    return name, _shown(before, unit), _shown(after, unit), _change(before, after)


def _shown(number, unit=''):
    if number is None:
        return '-'
    return _written(number) + unit


def _written(number):
    # + 0: there is no -0.
    return ('{0:,.0f}' if THOUSAND <= abs(number) < LARGE_NUMBER else '{0:.4g}').format(number + 0)


def _change(before, after):
    """The difference in words, with the share that it is of `before`."""
    if before is None or after is None or before == after:
        return ''
    difference = after - before
    if math.isinf(difference):
        return 'more' if difference > 0 else 'less'
    words = ('+' if difference > 0 else '') + _written(difference)
    # More than that is no share that anybody reads.
    shown = before and abs(difference) / MAX_TIMES <= abs(before)
    return words + (' ({0:+.1%})'.format(difference / abs(before)) if shown else '')


# --- distributions --------------------------------------------------------------


def _classes(title, before, after):
    """The section for two {class: rows}, one of which may be None: that target is a number."""
    known = before is not None, after is not None
    before, after = before or {}, after or {}
    rows_before, rows_after = sum(before.values()), sum(after.values())
    names = sorted(set(before).union(after), key=lambda name: (
        -before.get(name, 0) / (rows_before or 1) - after.get(name, 0) / (rows_after or 1), name))
    shares = [(name, before.get(name, 0) / (rows_before or 1), after.get(name, 0) / (rows_after or 1))
              for name in names]
    rows = [(name or '(none)', _of_rows(before.get(name, 0), share_before) if known[0] else '-',
             _of_rows(after.get(name, 0), share_after) if known[1] else '-',
             _points(share_before, share_after) if all(known) else '') for name, share_before, share_after in shares]
    index = _psi([(before.get(name, 0), after.get(name, 0)) for name in names])
    return Section(title, rows[:MAX_CLASSES], _judged(index), (),
                   shares[:MAX_CLASSES] if all(known) else (), index if all(known) else None)


def _of_rows(times, share):
    return '{0} ({1:.1%})'.format(count(times), share)


def _points(before, after):
    """The difference of two shares."""
    points = 100 * (after - before)
    return '' if abs(points) < 0.05 else '{0:+.1f} points'.format(points)


def _column(label, before, after):
    title = 'Predictions: {0}'.format(label)
    if before is None or after is None:
        side = 'before' if after is None else 'after'
        return Section(title, [('column', 'yes' if before else 'no', 'yes' if after else 'no',
                                'only {0}'.format(side))], '', (), ())
    if (before.classes or after.classes) and not (before.count or after.count):
        # Of texts alone, no number is to be shown.
        return Section(title, [], '', (), ())
    rows = [_numbers_row(name, getattr(before, attribute), getattr(after, attribute))
            for name, attribute in (('count', 'count'), ('missing', 'missing'), ('min', 'least'))]
    rows += [_numbers_row('p{0}'.format(name[1:]), before.quantiles[name], after.quantiles[name])
             for name in before.quantiles if name in after.quantiles]
    rows += [_numbers_row(name, getattr(before, attribute), getattr(after, attribute))
             for name, attribute in (('max', 'most'), ('mean', 'mean'))]
    if not (before.count and after.count):
        return Section(title, rows, '', (), ())
    # A power of two, so that bins of a smaller width lie in one of its own.
    exponent = math.frexp(max(end - start for start, end, _ in before.table + after.table))[1] - 1
    bins_before, bins_after = _binned(before.table, exponent), _binned(after.table, exponent)
    index = _psi(_groups(bins_before, bins_after))
    return Section(title, rows, _judged(index), _drawn(bins_before, bins_after, exponent), (), index)


def _binned(table, exponent):
    """A Counter of the rows of a histogram, by bins that are 2 ** exponent wide."""
    counts = Counter()
    for start, end, rows in table:
        if rows:
            counts[int((start / 2 + end / 2) // 2.0 ** exponent)] += rows
    return counts


def _groups(before, after):
    """(rows before, rows after) for about ten groups that were of one size before.

    What lies below or above everything of before is a group of its own.
    """
    lowest, highest = min(before), max(before)
    groups = [[0, sum(after[place] for place in after if place < lowest)], [0, 0]]
    for place in sorted(set(before).union(after)):
        if lowest <= place <= highest:
            if groups[-1][0] * GROUPS >= sum(before.values()):
                groups.append([0, 0])
            groups[-1][0] += before[place]
            groups[-1][1] += after[place]
    groups.append([0, sum(after[place] for place in after if place > highest)])
    return groups


def _psi(pairs):
    """The population stability index of [(rows before, rows after), ...]; None without rows."""
    before, after = (sum(counts) for counts in zip(*pairs)) if pairs else (0, 0)
    if not (before and after):
        return None
    index = 0.0
    for rows_before, rows_after in pairs:
        # Half a row where there is none: an infinite index would say nothing of the others.
        if rows_before or rows_after:
            shares = max(rows_before, 0.5) / before, max(rows_after, 0.5) / after
            index += (shares[1] - shares[0]) * math.log(shares[1] / shares[0])
    return index


def _judged(index):
    if index is None:
        return ''
    words = 'hardly changed' if index < SMALL else 'changed' if index < LARGE else 'changed a lot'
    return 'Population stability index {0:.3f}: {1}.'.format(index, words)


def _drawn(before, after, exponent):
    """What is to be drawn, in few bins without gaps; empty if no axis is long enough."""
    both = histogram.limited(histogram.Bins(exponent, before + after), MAX_CHART_BINS)
    table = histogram.table(both)
    if math.isinf(table[-1][1] - table[0][0]):
        return ()
    counts_before, counts_after = (
        histogram.coarser(histogram.Bins(exponent, counts), both.exponent).counts for counts in (before, after))
    first = min(both.counts)
    total_before, total_after = sum(counts_before.values()), sum(counts_after.values())
    return [(start, end, counts_before[first + place] / total_before, counts_after[first + place] / total_after)
            for place, (start, end, _) in enumerate(table)]


# --- text -----------------------------------------------------------------------


def as_text(before, after, sections):
    """The comparison as lines of text."""
    lines = ['{0} -> {1}'.format(before.path, after.path)]
    for section in sections:
        lines += ['', section.title]
        widths = [max(len(row[place]) for row in section.rows) for place in range(3)]
        for row in section.rows:
            lines.append('  {0}  {1}  {2}  {3}'.format(
                row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2]),
                row[3]).rstrip())
        if section.note:
            lines.append('  ' + section.note)
    return lines
