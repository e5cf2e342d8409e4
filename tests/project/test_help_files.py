"""The man pages and the completions that are shipped, in the programs that read them."""

from __future__ import absolute_import, unicode_literals

import os
import re
import subprocess

import pytest

import make_help
from datarobot_batch_scoring.compat import WINDOWS
from datarobot_batch_scoring.settings.table import COMMANDS, options_of

# Moves to the begin of the line and the end; with the words between them,
# what the shell made of a line is shown and not run.
HOME, END, TAB = '\x01', '\x05', '\t'
ZSH_SESSION = '''\
zmodload zsh/zpty
zpty shell 'TERM=dumb zsh -f -i'
zpty -w shell 'PROMPT=; fpath=({folder} $fpath); autoload -U compinit; compinit -u -D; cd {here}'
zpty -w shell 'bindkey "^I" complete-word; echo rea""dy'
zpty -r shell out '*ready*'
zpty -w -n shell {typed}
zpty -w shell 'exit'
while zpty -r shell out; do print -r -- "$out"; done
'''


def path(kind, name=''):
    return os.path.join(make_help.DATA, kind, name)


def talk(words, said='', **options):
    """What a program prints to either output, given its input."""
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, **options)
    return process.communicate(said.encode('utf-8'))[0].decode('utf-8', 'replace')


def need(program, *arguments):
    try:
        talk([program] + list(arguments))
    except OSError:
        pytest.skip(program + ' is not here')


@pytest.fixture
def here(tmpdir):
    """A folder with a file in it."""
    tmpdir.join('flats.csv').write('')
    return '{0}'.format(tmpdir)


def test_what_is_made_of_the_table_of_options_is_current():
    made = make_help.files()
    stale = [path for path in sorted(made)
             if not os.path.exists(path) or make_help.read(path) != made[path]]
    assert stale == [], 'run packaging/make_help.py'


def test_no_other_help_file_is_shipped():
    shipped = [os.path.join(folder, name)
               for folder, _, names in os.walk(make_help.DATA) for name in names]
    assert sorted(shipped) == sorted(make_help.help_files())


@pytest.mark.parametrize('command', COMMANDS)
def test_a_man_page_is_shown_without_a_warning_and_has_every_option(command):
    need('groff', '--version')
    need('man', '--version')
    if not talk(['man', '--version']).startswith('man 2'):
        pytest.skip('another man than man-db')
    words = ['man', '-l', '--warnings', path('man', command + '.1')]
    environment = dict(os.environ, MANWIDTH='80', LC_ALL='C.UTF-8', MAN_KEEP_FORMATTING='')
    page = talk(words, env=dict((str(name), str(environment[name])) for name in environment))
    page = re.sub('.\x08|\x1b\\[[0-9;]*m', '', page)
    assert 'warning' not in page
    shown = re.findall(r'(?m)^       (?:-\w, )?(--[a-z_-]+)', page)
    assert shown == [each.long for each in options_of(command)]
    assert max(len(line) for line in page.splitlines()) <= 80


def complete_in_bash(command, typed, here):
    """The words that bash completes a line to when Tab is pressed, as a list."""
    source = '. ' + path('bash', command)
    shown = HOME + "printf '<%s>' " + END + '\n'
    said = 'cd {0}\n{1}\n{2} {3}{4}{5}exit\n'.format(here, source, command, typed, TAB, shown)
    # Without a terminal, only -i has bash read lines with its editor.
    out = talk_on_terminal(['bash', '--norc', '--noprofile', '-i'], said)
    return re.findall('<(.*?)>', [line for line in out.splitlines() if line.startswith('<')][-1])


def talk_on_terminal(words, said):
    """The same as `talk`, on a terminal of its own."""
    ours, theirs = os.openpty()
    environment = dict(os.environ, PS1='', TERM='dumb', INPUTRC='/dev/null')
    process = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=os.setsid,
        env=dict((str(name), str(environment[name])) for name in environment))
    os.close(theirs)
    os.write(ours, said.encode('utf-8'))
    out = b''
    try:
        for piece in iter(lambda: os.read(ours, 4096), b''):
            out += piece
    except OSError:
        pass  # that is how a terminal ends on Linux
    process.wait()
    os.close(ours)
    return out.decode('utf-8', 'replace').replace('\r', '')


LINES = [
    ('batch_scoring', '--max_pr', ['--max_prediction_explanations=']),
    ('batch_scoring_deployment_aware', '--verb', ['--verbose']),
    ('batch_scoring_sse', '--api_version=ap', ['--api_version=api/v1']),
    ('batch_scoring_sse', '--out flats', ['--out', 'flats.csv']),
    ('batch_scoring_sse', '--out=fl', ['--out=flats.csv']),
    ('batch_scoring_sse', '--host=fl', ['--host=fl']),
    ('batch_scoring_sse', '--passw', ['--passw']),
    ('batch_scoring', 'fl', ['flats.csv']),
]


@pytest.mark.skipif(WINDOWS, reason='no terminals')
@pytest.mark.parametrize('command, typed, completed', LINES)
def test_an_interactive_bash_completes_a_line(here, command, typed, completed):
    need('bash', '--version')
    assert complete_in_bash(command, typed, here) == [command] + completed


@pytest.mark.skipif(WINDOWS, reason='no terminals')
@pytest.mark.parametrize('command', COMMANDS)
def test_bash_offers_each_option_of_a_command_and_no_other(command):
    need('bash', '--version')
    offered = talk(['bash', '--norc'], (
        '. {0}\nCOMP_WORDS=({1} -) COMP_CWORD=1\n_{1}\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
    ).format(path('bash', command), command)).split()
    options = options_of(command)
    assert sorted(offered) == sorted(
        [each.long + ('=' if each.takes_value else '') for each in options] +
        ['-' + each.short for each in options if each.short])


@pytest.mark.parametrize('command, typed, completed', LINES)
def test_an_interactive_zsh_completes_a_line(here, command, typed, completed):
    need('zsh', '--version')
    keys = command + ' ' + typed + TAB + HOME + 'printf "<%s>" ' + END + '\n'
    out = talk(['zsh', '-f'], ZSH_SESSION.format(
        folder=path('zsh'), here=here, typed="$'{0}'".format(
            keys.replace('\n', '\\n').replace(TAB, '\\t').replace(HOME, '\\C-a').replace(
                END, '\\C-e'))))
    found = re.findall('<(.*?)>', re.findall(r'(?m)^(<[^%].*>)', out)[-1])
    # zsh takes an '=' back where nothing follows it.
    assert [each.rstrip('=') for each in found] == [
        command] + [each.rstrip('=') for each in completed]


@pytest.mark.parametrize('command, typed, completed', LINES)
def test_fish_completes_a_line(here, command, typed, completed):
    need('fish', '--version')
    out = talk(['fish', '--no-config', '-c', 'source {0}; cd {1}; complete -C "{2} {3}"'.format(
        path('fish', command + '.fish'), here, command, typed)])
    offered = [line.partition('\t')[0] for line in out.splitlines()]
    nothing = completed == typed.split()
    assert offered == ([] if nothing else [completed[-1].rstrip('=')])
