"""Seeded data sets for the benchmarks: the same text in every run.

    python generate.py FOLDER NAME ROWS

NAME is `plain`, `quoted`, `latin1` or `gzip`. The path of the file is printed; a file that exists is kept.
"""

import gzip
import os
import random
import shutil
import sys

SEED = 4
BLOCK_ROWS = 20000
HEADER = ['id', 'amount', 'rate', 'city', 'grade', 'opened', 'purpose', 'score', 'flag', 'note']
CITIES = ['Aberdeen', 'Birmingham', 'Cork', 'Dundee', 'Exeter', 'Glasgow', 'Londonderry', 'Newcastle upon Tyne']
LATIN_CITIES = ['Besançon', 'Córdoba', 'Düsseldorf', 'Göteborg', 'Málaga', 'Nîmes', 'Saarbrücken', 'Århus']
PURPOSES = ['car', 'credit card', 'debt consolidation', 'home improvement', 'medical', 'small business']
WORDS = ['late', 'called', 'again', 'about', 'the', 'second', 'letter', 'customer', 'asked', 'for', 'terms',
         'paid', 'in', 'full', 'waiting', 'papers', 'branch', 'moved', 'twice', 'since']
LATIN_WORDS = WORDS + ['prêt', 'größer', 'señor', 'öre', 'garçon', 'über']


def note(source, words, size):
    """Words of `source` up to about `size` characters."""
    text = source.choice(words)
    while len(text) < size:
        text += ' ' + source.choice(words)
    return text


def quoted_note(source):
    """A quoted field with a delimiter; most hold line breaks, some doubled quotes.

    It stands within the row: at its end the predecessor's detection takes half a minute, which is not the
    work to be measured.
    """
    parts = [note(source, WORDS, 19) for _ in range(3)]
    text = parts[0] + ', ' + parts[1] + source.choice(['\n', '\n', '\r\n', ' ']) + parts[2]
    if source.random() < 0.2:
        text += ' ""sic""'
    return '"' + text + '"'


def row_tail(source, cities, purpose, last):
    """All fields of a row but the id, without the line end."""
    return [
        '%.2f' % source.uniform(100, 90000),
        '%.13f' % source.random(),
        source.choice(cities),
        source.choice('ABCDEFG'),
        '20%02d-%02d-%02d' % (source.randrange(24), source.randrange(1, 13), source.randrange(1, 29)),
        purpose or source.choice(PURPOSES),
        str(source.randrange(300, 850)),
        source.choice('01'),
        last,
    ]


def block_of(name):
    """The tails of `BLOCK_ROWS` rows, as bytes, each with its delimiter and line end."""
    source = random.Random('%s %s' % (SEED, name))
    tails = []
    for _ in range(BLOCK_ROWS):
        if name == 'latin1':
            tail = row_tail(source, LATIN_CITIES, '', note(source, LATIN_WORDS, 54))
        elif name == 'quoted':
            tail = row_tail(source, CITIES, quoted_note(source), '')
        else:
            tail = row_tail(source, CITIES, '', note(source, WORDS, 54))
        delimiter = delimiter_of(name)
        tails.append((delimiter + delimiter.join(tail) + '\n').encode('latin-1'))
    return tails


def delimiter_of(name):
    """The field delimiter of a data set."""
    return ';' if name == 'latin1' else ','


def write_rows(stream, name, rows):
    """Writes header and rows; the ids run on, the other fields come again after `BLOCK_ROWS` rows."""
    stream.write((delimiter_of(name).join(HEADER) + '\n').encode('ascii'))
    tails = block_of(name)
    for start in range(0, rows, BLOCK_ROWS):
        stop = min(rows, start + BLOCK_ROWS)
        stream.write(b''.join([b'%d%b' % pair for pair in zip(range(start, stop), tails)]))


def compress(source_path, path):
    """Packs a file as `gzip` would."""
    with open(source_path, 'rb') as source, open(path, 'wb') as packed:
        with gzip.GzipFile('', 'wb', 6, packed, 0) as stream:
            shutil.copyfileobj(source, stream, 1 << 20)


def data_set(folder, name, rows):
    """The path of the data set `name` of so many rows, made if it is not there."""
    path = os.path.join(folder, '%s_%d_%d.csv' % (name, rows, SEED))
    if name == 'gzip':
        path += '.gz'
    if os.path.exists(path):
        return path
    unfinished = path + '.part'
    if name == 'gzip':
        compress(data_set(folder, 'plain', rows), unfinished)
    else:
        with open(unfinished, 'wb') as stream:
            write_rows(stream, name, rows)
    os.rename(unfinished, path)
    return path


if __name__ == '__main__':
    if len(sys.argv) != 4 or sys.argv[2] not in ('plain', 'quoted', 'latin1', 'gzip'):
        sys.exit(__doc__)
    print(data_set(sys.argv[1], sys.argv[2], int(sys.argv[3])))
