"""The command line of each command: its usage text, made from the table of options, and what was given.

docopt parses it with that text, which keeps to its rules: one 'usage' heading, two spaces after an option, and no
other line that begins with a dash.
"""

from __future__ import absolute_import, unicode_literals

import collections
import os
import re
import textwrap

from docopt import DocoptExit, docopt

from datarobot_batch_scoring.console.masking import MASK, without_credentials, without_password
from datarobot_batch_scoring.errors import UsageError
from datarobot_batch_scoring.server.protocols.base import DEPLOYMENT, PROJECT, STANDALONE
from datarobot_batch_scoring.settings import additions
from datarobot_batch_scoring.settings.table import GROUPS, OPTIONS, POSITIONALS, options_of, positional_names
from datarobot_batch_scoring.settings.values import did_you_mean, nearest

# What other programs call an option; no abbreviation, though it may begin another.
OTHER_NAMES = {
    '--out': 'output',
    '--n_concurrent': 'threads workers processes parallel jobs concurrency',
    '--n_samples': 'batch_size chunk_size chunksize', '--n_retry': 'retries max_retries', '--rows': 'limit nrows',
    '--host': 'url server endpoint', '--api_token': 'token', '--delimiter': 'sep separator',
    '--drop_cols': 'exclude', '--send_cols': 'include columns', '--yes': 'overwrite force', '--verbose': 'progress',
}
OTHER_NAMES = {'--' + name.replace('_', '-'): option for option, names in OTHER_NAMES.items() for name in names.split()}

# What editors and chat programs turn hyphens into.
DASHES = {'\u2013': 'an en dash', '\u2014': 'an em dash'}

WIDTH = 79
COLUMN = 26

TEMPLATE = '''\
{purpose}

Examples:
  {command} --host=https://example.com {user}\\
      {ids} data.csv
  {command} --resume data.csv

Usage:
  {command} [options] [--]
      {positionals}

The dataset - is standard input.{no_id}

Arguments and options can also be set in batch_scoring.ini, in the working or
the home directory: key = value, under [batch_scoring]. The command line wins.

{options}

Exit code: 0 if every row is in the output, 1 if the run failed, 2 if it
could not start, 3 if every row is in the output but those in --bad_rows lack
predictions, 130 or 143 if it was interrupted or terminated.
'''

PURPOSES = collections.OrderedDict([
    (PROJECT, 'Scores a CSV file on a dedicated prediction server, with a '
              'model from a project.'),
    (DEPLOYMENT, 'Scores a CSV file on a dedicated prediction server, with a '
                 'deployment.'),
    (STANDALONE, 'Scores a CSV file on a standalone prediction server, with '
                 'an imported model;\nor on a server that you run yourself: '
                 'see --protocol.'),
])
EXAMPLE_IDS = {
    PROJECT: '5545eb20b4912911244d4835 5545eb71b4912911244d4847',
    DEPLOYMENT: '5545eb71b4912911244d4848',
    STANDALONE: '0ec5bcea7f0f45918fa88257bfe42c09',
}
NO_ID = {
    STANDALONE: ' With --protocol=drum or mlflow, leave out\n'
                '<import_id>: --host alone selects the model.',
}


def parse(command, words):
    """The options given (a dict of name to text, or True) and the positionals.

    `words` is the command line as text, without the program's name. If it asks
    for help or the version, that is the only option returned.
    Raises `UsageError`.
    """
    try:
        parsed = docopt(usage_text(command), argv=normalise(command, words), help=False)
    except DocoptExit:
        raise _too_many(command, words)
    given = dict((name[2:], value) for name, value in parsed.items()
                 if name.startswith('--') and name != '--'
                 and value is not None and value is not False)
    positionals = [parsed[name] for name in positional_names(POSITIONALS[command])]
    return given, [positional for positional in positionals if positional is not None]


def _too_many(command, words):
    shown, secret = [], None
    for option, value, place in _read(command, words):
        if option is None:
            # It may be the rest of a password with a space in it.
            shown.append(MASK if place == secret else value)
        elif option.secret:
            secret = place + 1
    files = [path for path in shown if os.path.isfile(path)]
    if len(files) > 1:
        return UsageError('several_files', files=', '.join(files))
    return UsageError(
        'option_after_dashes' if any(word.startswith('--') for word in shown) else 'too_many_arguments',
        command=command, arguments=' '.join(positional_names(POSITIONALS[command])), words=', '.join(shown))


def normalise(command, words):
    """The same command line in the one form that docopt cannot misread.

    docopt rejects an option given twice, never says why it rejects something,
    and takes the next option for a forgotten value. Here each option appears
    once, spelled out and with `=`: with its last value or, if it may be repeated,
    with all of them, a line for each; positionals follow after `--`.
    """
    options, positionals = {}, []
    for option, value, _ in _read(command, words):
        if option is None:
            positionals.append(value)
        elif option.name in ('help', 'version'):
            return [option.long]
        elif option.repeated:
            if '\n' in value or '\r' in value:
                raise UsageError('line_break', option=option.long)
            before = options.get(option.name)
            options[option.name] = before + '\n' + value if before else _docopt_word(option, value)
        else:
            options[option.name] = _docopt_word(option, value)
    return list(options.values()) + ['--'] + positionals


def _check_dashes(command, word):
    """Raises `UsageError` for an option whose hyphens an editor turned into a dash."""
    dashes, name = re.match('([-\u2010-\u2015\u2212]*)([^=]*)', word).groups()
    if not dashes.strip('-') or not name or not _fitting(command, '--' + name):
        return
    sign = next(char for char in dashes if char != '-')
    raise UsageError('dash', option=dashes + name, dash=DASHES.get(sign, 'a dash'), name=name)


def masked(command, words):
    """The same words with every secret masked."""
    shown = list(words)
    try:
        for option, value, place in _read(command, words):
            if value:
                before = words[place][:len(words[place]) - len(value)]
                shown[place] = before + _masked_value(option, value)
    except UsageError:
        # `parse` reports it and ends the process.
        pass
    return shown


def _masked_value(option, value):
    if option is None:
        return without_password(value)
    if option.secret:
        return MASK[:len(value)]
    if option.kind == 'query':
        return additions.masked(value)
    return without_credentials(value) if option.kind == 'host' else without_password(value)


def _read(command, words):
    """Yields (option, value, index of the word that ends with the value).

    The option is None for a positional argument, and the value None for a flag.
    """
    rest = list(words)

    def place():
        return len(words) - len(rest) - 1

    while rest:
        word = rest.pop(0)
        if word == '--':
            while rest:
                word = rest.pop(0)
                yield None, word, place()
            return
        _check_dashes(command, word)
        if not word.startswith('-') or word == '-':
            yield None, word, place()
        else:
            for option, value in _read_option(command, word, rest):
                yield option, value, place()


def _docopt_word(option, value):
    return option.long if value is None else '%s=%s' % (option.long, value)


def _read_option(command, word, rest):
    """The options in `word` with their values; may take a value from `rest`."""
    if not word.startswith('--'):
        return [(option, None) for option in _short_options(command, word)]
    name, equals, value = word.partition('=')
    option = _long_option(command, name)
    if not option.takes_value:
        if equals:
            raise UsageError('takes_no_value', option=option.long)
        return [(option, None)]
    if equals:
        return [(option, value)]
    if not rest or rest[0] == '--' or _is_option(command, rest[0]):
        raise UsageError('needs_value', option=option.long, metavar=option.metavar)
    return [(option, rest.pop(0))]


def _is_option(command, word):
    return any(_spelled(word.partition('=')[0]) == _spelled(option.long) for option in options_of(command))


def _spelled(name):
    """A long option with dashes for underscores: people type either."""
    return name.replace('_', '-')


def _fitting(command, name):
    """The options of a command that are spelled so or, if there is none, begin so."""
    options = [(option, _spelled(option.long)) for option in options_of(command)]
    if name in OTHER_NAMES:
        return []
    exact = [option for option, long in options if long == _spelled(name)]
    return exact or [option for option, long in options if long.startswith(_spelled(name))]


def _long_option(command, name):
    fitting = _fitting(command, name)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError('ambiguous_option', option=name, options=', '.join(option.long for option in fitting))
    _fail_unknown(command, name)


def _short_options(command, word):
    shorts = dict((option.short, option) for option in options_of(command))
    for letter in word[1:]:
        if letter not in shorts:
            # `-host` lacks a dash; it is not a row of flags. What follows any other
            # letter may be a secret, as in `-psecret`, so it is not repeated.
            name = word.partition('=')[0]
            lost = any(option.long == '-' + name for option in OPTIONS)
            _fail_unknown(command, name if lost else '-' + letter)
    return [shorts[letter] for letter in word[1:]]


def _fail_unknown(command, name):
    mine = [option.long for option in options_of(command)]
    if _spelled(name) in [_spelled(option.long) for option in OPTIONS]:
        raise UsageError('other_command', command=command, option=name)
    meant = OTHER_NAMES.get(_spelled(name)) or (
        _longs_of_letter(name, mine) if len(name) == 2 else nearest(name, mine))
    if meant not in mine:
        meant = None
    raise UsageError('no_option', command=command, option=name, suggestion=did_you_mean(meant))


def _longs_of_letter(name, longs):
    """The shortest long option that begins with the letter of a short one, or None."""
    candidates = [long_option for long_option in longs if long_option.startswith('-' + name)]
    return min(candidates, key=len) if candidates else None


def usage_text(command):
    """What `--help` shows, at most 80 columns wide."""
    return TEMPLATE.format(
        purpose=PURPOSES[command], command=command, ids=EXAMPLE_IDS[command],
        no_id=NO_ID.get(command, ''),
        user='' if command == STANDALONE else '--user=me ',
        positionals=' '.join('[%s]' % name for name in positional_names(POSITIONALS[command])),
        options='\n\n'.join(_group(command, group) for group in GROUPS))


def _group(command, group):
    lines = [group + ':']
    for option in options_of(command):
        if option.group == group:
            lines += _option_lines(option)
    return '\n'.join(lines)


def _option_lines(option):
    """The option, with its help beside it or, if the option is long, below it."""
    left = '  ' + option_syntax(option)
    lines = wrapped(option_help(option), COLUMN, WIDTH)
    if len(left) + 2 > COLUMN:
        return [left] + lines
    return [left.ljust(COLUMN) + lines[0].strip()] + lines[1:]


def wrapped(words, column, width):
    """Text as lines that begin at a column."""
    margin = ' ' * column
    return textwrap.wrap(words, width, break_on_hyphens=False,
                         initial_indent=margin, subsequent_indent=margin)


def option_syntax(option):
    """The option as the help shows it: `-v, --verbose` or `--out=<file>`."""
    short = '-%s, ' % option.short if option.short else ''
    value = '=<%s>' % option.metavar if option.takes_value else ''
    return short + option.long + value


def option_help(option):
    """What the option does, and its default."""
    # docopt would treat '[default: ...]' as if the user had typed it.
    default = ' (default: %s)' % option.default if option.default else ''
    return option.help + default
