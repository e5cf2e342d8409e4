"""The report, or the comparison of two, as one HTML page that needs nothing else, not even JavaScript."""

from __future__ import absolute_import, division, unicode_literals

import math

from datarobot_batch_scoring.report.charts import columns, count, moment, rows, text
from datarobot_batch_scoring.settings.values import STREAM

MAX_CLASSES = 20

STYLE = '''
:root { --back: #fff; --fore: #1c2127; --dim: #57606a; --line: #d8dee4; --bar: #2f6fb5;
  --good: #17703a; --bad: #b3261e; --tile: #f5f7f9; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --back: #14181d; --fore: #e6e9ec;
  --dim: #a3adb8; --line: #343c45; --bar: #6ea8e6; --good: #5fce8b; --bad: #ff8a80;
  --tile: #1d232a; } }
body { margin: 0 auto; padding: 24px 16px 48px; max-width: 800px; background: var(--back);
  color: var(--fore); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 22px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 32px 0 8px; }
p { margin: 4px 0; color: var(--dim); }
.outcome { font-weight: 600; } .complete { color: var(--good); } .ended { color: var(--bad); }
.reason { border-left: 4px solid var(--bad); padding: 4px 12px; margin: 12px 0; }
.reason p { color: var(--fore); overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 8px;
  margin-top: 20px; }
.tile { background: var(--tile); border-radius: 6px; padding: 10px 12px; }
.tile b { display: block; font-size: 20px; font-weight: 600; }
.tile span { color: var(--dim); font-size: 13px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.bar { fill: var(--bar); } .grid { stroke: var(--line); } .floor { stroke: var(--dim); }
text { fill: var(--dim); font-size: 12px; } text.label { fill: var(--fore); font-size: 13px; }
@media (max-width: 560px) { text { font-size: 17px; } text.label { font-size: 16px; } }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; font-weight: normal; padding: 3px 12px 3px 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--dim); width: 40%; }
'''

PAGE = '''<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
'''

COMPARISON_STYLE = '''
.before { fill: none; stroke: var(--fore); stroke-width: 1.5; }
rect.before { fill: var(--dim); stroke: none; }
.legend { font-size: 13px; } .legend i { display: inline-block; width: 12px; height: 12px;
  margin: 0 4px 0 12px; vertical-align: -1px; background: var(--bar); }
.legend i:first-child { margin-left: 0; box-sizing: border-box; border: 1.5px solid var(--fore);
  background: none; }
.legend i.filled { border: none; background: var(--dim); }
table { table-layout: fixed; } th, thead th:first-child { width: 28%; }
thead th { width: auto; color: var(--fore); }
'''

COMPARISON_HEAD = (
    '<thead><tr><th></th><th scope="col">before</th><th scope="col">after</th><th scope="col">change</th></tr></thead>')

RESUMED = ('{0} rows come from earlier runs. {1} and bytes read and written cover the whole output; everything else, '
           'this run.')
COUNTED = 'Rows in the output, rows set aside, null values'

HEAD = '''<h1>{0}</h1>
<p><span class="outcome {1}">{2}</span> &middot; {3} &middot; {4} {5}</p>'''


def page(report_data):
    """The page (text) for what `report.report_data` returns."""
    dataset = report_data['settings']['dataset']
    title = 'Scoring of {0}'.format('standard input' if dataset == STREAM else dataset)
    sections = [_head(report_data, title), _tiles(report_data)]
    for make in (_throughput, _timeline, _latency, _predictions, _bad_rows, _requests, _bytes, _settings):
        sections += make(report_data)
    return PAGE.format(title=text(title), style=STYLE, body='\n'.join(sections))


def _head(report_data, title):
    outcome = report_data['outcome']
    lines = [HEAD.format(
        text(title), 'complete' if outcome == 'complete' else 'ended', outcome.capitalize(),
        text(moment(report_data['began'])), report_data['program'],
        report_data['version'])]
    if report_data['rows_before']:
        tallied = 'predictions' in report_data['of_the_whole_output']
        lines.append('<p>{0}</p>'.format(text(RESUMED.format(
            count(report_data['rows_before']), COUNTED + (', predictions' if tallied else '')))))
    if report_data['reason']:
        reason = '\n'.join('<p>{0}</p>'.format(text(line)) for line in report_data['reason'])
        lines.append('<div class="reason">\n{0}\n</div>'.format(reason))
    return '\n'.join(lines)


def _tiles(report_data):
    tiles = [('rows in the output', count(report_data['rows'])),
             ('scored in this run', count(report_data['rows_scored'])),
             ('time', _duration(report_data['seconds'])),
             ('rows per second', count(round(report_data['mean_rows_per_second']))),
             ('batches', count(report_data['batches'])),
             ('retries', count(sum(report_data['retries'].values()))),
             ('null values', count(report_data['null_values']))]
    if report_data['bad_rows']:
        tiles.append(('rows set aside', count(report_data['bad_rows'])))
    if report_data['latency']:
        tiles.append(('median latency', _seconds(report_data['latency']['p50'])))
    return '<div class="tiles">\n{0}\n</div>'.format('\n'.join(
        '<div class="tile"><b>{0}</b><span>{1}</span></div>'.format(text(value), text(name))
        for name, value in tiles))


def _throughput(report_data):
    parts = [part for part in report_data['throughput'] if part['to'] > part['from']]
    if not parts:
        return []
    bars = []
    for part in parts:
        # The last part may be very short, and its rate a peak that never was.
        speed = part['rows'] / max(part['to'] - part['from'], parts[0]['to'] / 2)
        bars.append((part['from'], part['to'], speed, '{0:.4g} to {1:.4g} s: {2} rows/s'.format(
            part['from'], part['to'], count(round(speed)))))
    limited = ' and '.join('--' + name for name in report_data['limited_by'])
    return [section('Throughput', columns(
        bars, 'Rows scored per second, over time', 'seconds since the start', 'rows per second') + (
            '\n<p>Limited by {0}.</p>'.format(limited) if limited else ''))]


def _timeline(report_data):
    if not report_data['batch_rows']:
        return []
    recommended = report_data['suits']
    return [section('Batches and requests', '{0}\n{1}\n<p>{2}</p>'.format(
        _over_time(report_data['batch_rows'], report_data['seconds'], 'Rows per batch, over time', 'rows'),
        _over_time(report_data['concurrency'], report_data['seconds'], 'Requests in flight, over time',
                   'requests'),
        'Recommended: --n_concurrent={0} --n_samples={1}.'.format(
            recommended['n_concurrent'], recommended['n_samples'])))]


def _over_time(pairs, end, title, unit):
    ends = [second for second, _ in pairs[1:]] + [max(end, pairs[-1][0] + 0.001)]
    return columns([(second, until, value, '{0:.4g} to {1:.4g} s: {2} {3}'.format(
        second, until, count(value), unit)) for (second, value), until in zip(pairs, ends)],
        title, 'seconds since the start', unit)


def _latency(report_data):
    if not report_data['latency']:
        return []
    bars = [(interval['from'], interval['to'], interval['requests'], '{0} to {1}: {2} requests'.format(
        _seconds(interval['from']), _seconds(interval['to']), count(interval['requests'])))
        for interval in report_data['latency_histogram']]
    words = ', '.join(('max {0}' if name == 'max' else 'p{1} {0}').format(
        _seconds(seconds), name[1:]) for name, seconds in report_data['latency'].items())
    return [section('Request latency', columns(
        bars, 'Request latency', 'seconds', 'requests') + '\n<p>{0}</p>'.format(words))]


def _predictions(report_data):
    counted = report_data['predictions']
    if not counted:
        return [section('Text lengths: ' + text(label), _numbers(column['lengths'], 'texts', 'characters'))
                if 'lengths' in column else section('Predictions: ' + text(label), _column(column))
                for label, column in report_data['prediction_columns'].items()]
    if 'classes' in counted:
        return [section('Predictions by class', _classes(counted['classes']))]
    return [section('Predictions', _column(counted))]


def _column(counted):
    """Numbers of a column, and its classes if it has any."""
    classes = _classes(counted['classes']) if 'classes' in counted else ''
    return classes if classes and not counted['count'] else _numbers(counted) + classes


def _numbers(counted, what='numbers', unit='prediction'):
    words = '{0} {1}: min {2}, mean {3}, max {4}'.format(
        count(counted['count']), what, *['{0:.10g}'.format(counted[name]) if counted[name] is not None else '-'
                                         for name in ('least', 'mean', 'most')])
    if counted['missing']:
        words += '; {0} without a number'.format(count(counted['missing']))
    bars = [(interval['from'], interval['to'], interval['rows'], '{0:.10g} to {1:.10g}: {2} rows'.format(
        interval['from'], interval['to'], count(interval['rows']))) for interval in counted['histogram']]
    # No axis is longer than the largest double.
    drawn = bars and not math.isinf(bars[-1][1] - bars[0][0])
    chart = columns(bars, 'Distribution of predictions', unit, 'rows') if drawn else ''
    return '{0}\n<p>{1}</p>'.format(chart, words)


def _classes(classes):
    everything = sum(classes.values())
    pairs = list(classes.items())
    chart = rows([(label or '(none)', [(times, _share(times, everything), 'bar')])
                  for label, times in pairs[:MAX_CLASSES]], 'Rows per predicted class')
    rest = [times for _, times in pairs[MAX_CLASSES:]]
    if not rest:
        return chart
    return '{0}\n<p>{1} other classes: {2}</p>'.format(
        chart, len(rest), _share(sum(rest), everything))


def _share(times, everything):
    return '{0} ({1:.1f}%)'.format(count(times), 100 * times / everything)


def _bad_rows(report_data):
    reasons = report_data['bad_rows_by_reason']
    if not reasons:
        return []
    return [section('Rows set aside', table(
        (reason, count(times)) for reason, times in reasons.items()))]


def _requests(report_data):
    pairs = [('requests sent', count(report_data['requests'])),
             ('batches scored', count(report_data['batches'])),
             ('batches split', count(report_data['splits']))]
    pairs += [('retried: ' + kind, count(times)) for kind, times in report_data['retries'].items()]
    return [section('Requests', table(pairs))]


def _bytes(report_data):
    names = {'read': 'dataset read', 'sent': 'sent', 'received': 'received',
             'output': 'output'}
    return [section('Bytes', table(
        [(names[name], count(size)) for name, size in report_data['bytes'].items()]))]


def _settings(report_data):
    pairs = [(name, _value(value)) for name, value in report_data['settings'].items()
             if value is not None and value is not False and value != []]
    return [section('Settings', table(pairs)), section('The run', table(_run(report_data)))]


def _run(report_data):
    pairs = [('began', moment(report_data['began'])), ('ended', moment(report_data['ended'])),
             ('exit code', report_data['exit_code']), ('Python', report_data['python'])]
    pairs += list(report_data['versions'].items())
    digest = report_data['input']['sha256']
    return pairs + ([('SHA-256 of the dataset', digest)] if digest else [])


def _value(value):
    if value is True:
        return 'yes'
    return ', '.join(value) if isinstance(value, list) else value


def table(rows, head=''):
    """A table of rows of values, the first of each being its name; `head` is a <thead> or ''."""
    lines = ['<tr><th scope="row">{0}</th>{1}</tr>'.format(text(row[0]), ''.join(
        '<td>{0}</td>'.format(text(value)) for value in row[1:])) for row in rows]
    return '<table>\n{0}\n</table>'.format('\n'.join([head] * bool(head) + lines))


def section(title, body):
    """A part of a page; both are HTML."""
    return '<h2>{0}</h2>\n{1}'.format(title, body)


def _seconds(value):
    return '{0:.3g} s'.format(value) if value >= 1 else '{0:.3g} ms'.format(value * 1000)


def _duration(seconds):
    if seconds < 100:
        return '{0:.3g} s'.format(seconds)
    minutes, seconds = divmod(int(round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return '{0} h {1:02d} min'.format(hours, minutes) if hours else '{0} min {1:02d} s'.format(
        minutes, seconds)


def comparison(before, after, sections):
    """The page (text) for two `reading.Report`s and the `compare.Section`s of them."""
    title = 'What changed'
    body = ['<h1>{0}</h1>'.format(title),
            '<p>from {0} to {1}</p>'.format(text(before.path), text(after.path))]
    body += [_compared(part) for part in sections]
    return PAGE.format(title=title, style=STYLE + COMPARISON_STYLE, body='\n'.join(body))


def _compared(part):
    parts = []
    if part.numbers:
        bars = [(start, end, 100 * share, '{0:.6g} to {1:.6g}: {2:.1%} before, {3:.1%} after'.format(
            start, end, share_before, share)) for start, end, share_before, share in part.numbers]
        parts += [_legend(''), columns(
            bars, 'Distribution before and after', 'prediction', '% of rows',
            [100 * share for _, _, share, _ in part.numbers])]
    if part.classes:
        groups = [(name or '(none)', [_share_bar(before, 'before'), _share_bar(after, 'bar')])
                  for name, before, after in part.classes]
        parts += [_legend(' class="filled"'), rows(
            groups, 'Share of the rows in each class, before and after')]
    if part.note:
        parts.append('<p>{0}</p>'.format(text(part.note)))
    parts.append(table(part.rows, COMPARISON_HEAD))
    return section(text(part.title), '\n'.join(parts))


def _share_bar(share, kind):
    return share, '{0:.1%}'.format(share), kind


def _legend(kind):
    return '<p class="legend"><i{0}></i>before<i></i>after</p>'.format(kind)
