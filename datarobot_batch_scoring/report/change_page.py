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


def make(before, after, sections):
    """The page (text) for two `reading.Report`s and the `compare.Section`s of them."""
    title = 'What changed'
    body = ['<h1>{0}</h1>'.format(title),
            '<p>from {0} to {1}</p>'.format(text(before.path), text(after.path))]
    for section in sections:
        body += _section(section)
    return page.PAGE.format(title=title, style=page.STYLE + STYLE, body='\n'.join(body))


def _section(section):
    parts = ['<h2>{0}</h2>'.format(text(section.title))]
    if section.numbers:
        parts += [_legend(''), charts.both_columns(
            section.numbers, 'Distribution before and after', 'prediction', '% of the rows')]
    if section.classes:
        parts += [_legend(' class="filled"'), charts.both_rows(
            section.classes, 'Share of the rows in each class, before and after')]
    if section.note:
        parts.append('<p>{0}</p>'.format(text(section.note)))
    return parts + [_table(section.rows)]


def _legend(kind):
    return '<p class="legend"><i{0}></i>before<i></i>after</p>'.format(kind)


def _table(rows):
    head = '<thead><tr><th></th><th scope="col">before</th><th scope="col">after</th>' \
           '<th scope="col">change</th></tr></thead>'
    return '<table>\n{0}\n{1}\n</table>'.format(head, '\n'.join(
        '<tr><th scope="row">{0}</th><td>{1}</td><td>{2}</td><td>{3}</td></tr>'.format(
            *map(text, row)) for row in rows))
