"""Random datasets, and random options that suit them."""

from __future__ import absolute_import, unicode_literals

import collections
import gzip
import io

Dataset = collections.namedtuple('Dataset', [
    'data',       # bytes of the file
    'rows',       # data rows; the field x of each is its number
    'columns',    # their names
    'encoding',   # a codec; None: to be detected
    'delimiter',  # one character
    'multiline',  # True: fields may hold line breaks
])

Options = collections.namedtuple('Options', [
    'command',
    'out',        # name of the output
    'n_samples',  # an int
    'shape',      # of the server's target
    'shaping',    # options that must not change from one attempt to the next
])

# The codec, whether it must be named, and what its text may have beyond ASCII.
ENCODINGS = [
    ('utf-8', False, '\xe9\u20ac\u65e5\U0001f600'), ('utf-8-sig', False, '\xe9\u65e5'),
    ('utf-16', False, '\xe9\u65e5'), ('utf-32', False, '\xe9\u65e5'), ('ascii', False, ''),
    ('latin-1', True, '\xe9\xff'), ('cp1252', True, '\xe9\u20ac'), ('shift_jis', True, '\u65e5'),
    ('utf-16-be', True, '\xe9\u65e5'),
]


def make_data(chance):
    """A `Dataset`; everything random in it comes from `chance`, a `random.Random`."""
    encoding, named, beyond = chance.choice(ENCODINGS)
    delimiter = chance.choice(',,,;\t|')
    multiline = chance.random() < 0.5
    rows = chance.choice([1, 5, 40, 100, 200, 400])
    columns = ['x'] + ['c{0}'.format(n) for n in range(chance.randint(1, 3))]
    chance.shuffle(columns)
    letters = 'abc  \'"' + beyond + delimiter + (',;\r\n' if multiline else '')
    records = [columns] + [
        ['{0}'.format(n) if name == 'x' else _words(chance, letters) for name in columns]
        for n in range(rows)]
    content = _lines(chance, records, delimiter)
    data = content.encode(encoding)
    if chance.random() < 0.2:
        data = _packed(data)
    return Dataset(data, rows, columns, encoding if named else None, delimiter, multiline)


def _words(chance, letters):
    return ''.join(chance.choice(letters) for _ in range(chance.randrange(12)))


def _lines(chance, records, delimiter):
    line_end = chance.choice(['\n', '\n', '\r\n', '\r'])
    blank = chance.choice([0, 0, 0.1])
    lines = []
    for fields in records:
        lines.append(delimiter.join(_quoted(chance, field, delimiter) for field in fields))
        while chance.random() < blank:
            lines.append(chance.choice(['', '', ' ']))
    return line_end.join(lines) + (line_end if chance.random() < 0.7 else '')


def _quoted(chance, field, delimiter):
    if chance.random() < 0.1 or any(each in field for each in '"\r\n' + delimiter):
        return '"' + field.replace('"', '""') + '"'
    return field


def _packed(data):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode='wb') as out:
        out.write(data)
    return packed.getvalue()


def make_options(chance, dataset):
    """`Options` for scoring the dataset, with a server of any kind."""
    command = chance.choice(
        ['batch_scoring', 'batch_scoring_deployment_aware', 'batch_scoring_sse'])
    shape = chance.choice(['regression', 'binary', 'multiclass', 'multilabel'])
    n_samples = chance.choice([1, 3, 10, 10, 30, 1000])
    if dataset.rows // n_samples > 60:
        n_samples = 10
    shaping = ['--n_samples={0}'.format(n_samples), '--delimiter=' + dataset.delimiter]
    shaping += [] if command == 'batch_scoring_sse' else ['--api_token=token']
    if dataset.encoding:
        shaping.append('--encoding=' + dataset.encoding)
    if not dataset.multiline:
        shaping += _maybe(chance, '--fast')
    kept = chance.sample(dataset.columns, chance.randint(0, len(dataset.columns)))
    shaping += ['--keep_cols=' + ','.join(kept)] if kept else []
    shaping += _maybe(chance, '--skip_row_id', '--pred_name=p', '--pred_decision=d',
                      '--output_delimiter=;')
    shaping += _of_version(chance, command, shape)
    return Options(command, chance.choice(['out.csv', 'out.csv.gz']), n_samples, shape, shaping)


def _of_version(chance, command, shape):
    if command == 'batch_scoring' and chance.random() < 0.3:
        return ['--api_version=api/v1']
    threshold = _maybe(chance, '--pred_threshold=t') if shape == 'binary' else []
    return threshold + _maybe(chance, '--max_prediction_explanations=2')


def _maybe(chance, *options):
    return [each for each in options if chance.random() < 0.2]
