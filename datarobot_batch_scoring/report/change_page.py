"""The comparison of two reports as one HTML page that needs nothing else."""

from __future__ import absolute_import, division, unicode_literals

from datarobot_batch_scoring.report import charts, page
from datarobot_batch_scoring.report.charts import text

STYLE = '''
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

HEAD = ('<thead><tr><th></th><th scope="col">before</th><th scope="col">after</th>'
        '<th scope="col">change</th></tr></thead>')


def make(before, after, sections):
    """The page (text) for two `reading.Report`s and the `compare.Section`s of them."""
    title = 'What changed'
    body = ['<h1>{0}</h1>'.format(title),
            '<p>from {0} to {1}</p>'.format(text(before.path), text(after.path))]
    for section in sections:
        body += _section(section)
    return page.PAGE.format(title=title, style=page.STYLE + STYLE, body='\n'.join(body))


def _section(section):
    parts = []
    if section.numbers:
        bars = [(start, end, 100 * share, '{0:.6g} to {1:.6g}: {2:.1%} before, {3:.1%} after'.format(
            start, end, share_before, share)) for start, end, share_before, share in section.numbers]
        parts += [_legend(''), charts.columns(
            bars, 'Distribution before and after', 'prediction', '% of the rows',
            [100 * share for _, _, share, _ in section.numbers])]
    if section.classes:
        groups = [(name or '(none)', [_bar(before, 'before'), _bar(after, 'bar')])
                  for name, before, after in section.classes]
        parts += [_legend(' class="filled"'), charts.rows(
            groups, 'Share of the rows in each class, before and after')]
    if section.note:
        parts.append('<p>{0}</p>'.format(text(section.note)))
    parts.append(page.table(section.rows, HEAD))
    return [page.section(text(section.title), '\n'.join(parts))]


def _bar(share, kind):
    return share, '{0:.1%}'.format(share), kind


def _legend(kind):
    return '<p class="legend"><i{0}></i>before<i></i>after</p>'.format(kind)
