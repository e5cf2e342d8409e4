"""Makes the completions of a command's options for three shells."""

from __future__ import absolute_import, unicode_literals

from datarobot_batch_scoring.server import protocols
from datarobot_batch_scoring.settings.table import MUTUALLY_EXCLUSIVE, options_of
from datarobot_batch_scoring.settings.values import DELIMITER_WORDS, FILES

# The kinds of value for which a shell can offer something.
CHOICES = {
    'delimiter': DELIMITER_WORDS,
    'encoding': ('utf-8', 'utf-16', 'latin-1', 'cp1252', 'cp932', 'shift_jis', 'gb18030'),
}
# {an option: the one that cannot be given with it}.
EXCLUDED = dict(pair[::step] for pair in MUTUALLY_EXCLUSIVE for step in (1, -1))


def choices(command):
    """{kind of value: the words that it can be} for a command."""
    return dict(CHOICES, api_version=protocols.versions(command),
                protocol=protocols.families(command))


BASH = '''\
# Completion of {command} for bash, made by packaging/make_help.py.

_{command}()
{{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    # '--out=file' may come as one word or as three.
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${{COMP_WORDS[COMP_CWORD-2]}}
    elif [[ $word == --*=* ]]; then
        before=${{word%%=*}} word=${{word#*=}}
    fi
    COMPREPLY=()
    case $before in
{cases}
        {files}) ;;
        {other})
            compopt +o default 2>/dev/null ;;
        *)
            [[ $word == -* ]] || return
            COMPREPLY=($(compgen -W '{options}' -- "$word"))
            [[ ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace 2>/dev/null ;;
    esac
}}

# Where nothing else is offered, file names are.
complete -o default -F _{command} {command}
'''
BASH_CASE = '''\
        {0})
            COMPREPLY=($(compgen -W '{1}' -- "$word")) ;;'''


def bash(command):
    """For bash 4; with 3.2, that of macOS, a space after '=' must be removed by hand."""
    options, words_of = options_of(command), choices(command)
    files, chosen, other = _by_value(options, words_of)
    words = [each.long + ('=' if each.takes_value else '') for each in options]
    words += ['-' + each.short for each in options if each.short]
    return BASH.format(
        command=command, options=' '.join(words), files='|'.join(each.long for each in files),
        other='|'.join(each.long for each in other),
        cases='\n'.join(BASH_CASE.format(
            '|'.join(each.long for each in chosen if each.kind == kind), ' '.join(words_of[kind]))
            for kind in sorted(words_of)))


def zsh(command):
    """For the completion system of zsh, compinit."""
    lines = ['#compdef ' + command,
             '# Completion of %s for zsh, made by packaging/make_help.py.' % command, '',
             '_arguments -s -S \\']
    for option in options_of(command):
        lines += ['    %s \\' % each for each in _zsh_option(option, choices(command))]
    return '\n'.join(lines + ["    '*:dataset:_files'"]) + '\n'


def _zsh_option(option, words_of):
    names = [option.long] + (['-' + option.short] if option.short else [])
    excluded = ' '.join(names + ['--' + each for each in [EXCLUDED.get(option.name)] if each])
    help = option.help.replace('\\', '\\\\')
    for special in '[]:':
        help = help.replace(special, '\\' + special)
    value = ''
    if option.takes_value:
        value = ':%s:%s' % (option.metavar, _zsh_action(option.kind, words_of))
    for name in names:
        yield _quoted("(%s)%s%s[%s]%s" % (
            excluded, name, '=' if option.takes_value else '', help, value), "'\\''")


def _zsh_action(kind, words_of):
    if kind in FILES:
        return '_files'
    return '(%s)' % ' '.join(words_of[kind]) if kind in words_of else ' '


def fish(command):
    """For fish 3."""
    lines = ['# Completion of %s for fish, made by packaging/make_help.py.' % command, '']
    lines += ['complete -c %s %s' % (command, _fish_option(each, choices(command)))
              for each in options_of(command)]
    return '\n'.join(lines) + '\n'


def _fish_option(option, words_of):
    words = ['-s ' + option.short] if option.short else []
    words.append('-l ' + option.name)
    if option.kind in FILES:
        words.append('-r -F')
    elif option.takes_value:
        words.append('-x')
    if option.kind in words_of:
        words.append('-a ' + _quoted(' '.join(words_of[option.kind]), "\\'"))
    return ' '.join(words + ['-d ' + _quoted(option.help.replace('\\', '\\\\'), "\\'")])


def _by_value(options, words_of):
    """The options that take a file, those that take one of a few words, and the others."""
    taking = [each for each in options if each.takes_value]
    files = [each for each in taking if each.kind in FILES]
    chosen = [each for each in taking if each.kind in words_of]
    return files, chosen, [each for each in taking if each not in files + chosen]


def _quoted(words, quote):
    return "'%s'" % words.replace("'", quote)
