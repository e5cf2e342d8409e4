# -*- coding: utf-8 -*-
"""How likely words are, judging by the letters of some forty languages and the signs between them.

Every likelihood is the natural logarithm of a probability.
"""

from __future__ import absolute_import, unicode_literals

import io
import math
import os
import re
import unicodedata

# Each line is a language, a level and the pairs of letters at that level: the second
# follows the first (_ is the edge of a word) with a probability of 1/3 ** level. The
# last four languages have single characters instead. Only what is not ASCII is listed.
# letters.LICENSE.txt says what they were counted from, and under which terms they are.
LETTERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'letters.txt')
WIDE_LANGUAGES = ('zh', 'tw', 'ja', 'ko')
STEP = math.log(3)

FOREIGN = -12.0       # a letter that no language has
NEVER_SEEN = -2 * STEP  # a pair that no language has, of a letter that some do
LETTER_AFTER = -6.0   # a letter or an edge after a letter that it never follows
RARE = -12.0          # an ideograph or a syllable that is not among the frequent ones
NEXT_TO_ASCII = -2.0  # one next to a Latin letter
CAPITALS = -2.0
ODD_CASE = -6.0       # `cafÈ`, `пРИВЕТ`
MIXED = -5.0          # letters of two scripts side by side: `cafй`
NO_TEXT = -14.0       # a sign that hardly ever occurs in a table
OTHER_LANGUAGE = -3.0  # a word in a different language from most

# Signs, how likely they are, and what comes before and after them: a letter (a),
# a capital (A), a digit (0), the edge of a word (_) or another sign (-).
SIGNS = (
    ('\xb0', -4, '0_', 'A_0'), ('\xb2\xb3', -4, 'a', '_0'), ('\xb5\u03bc', -5, '0_', 'aA'),
    ('\xbc\xbd\xbe', -6, '0_', '_a'), ('\u20ac', -4, '0_', '0_'), ('\xa3\xa5', -5, '0_', '0_'),
    ('\xa7', -6, '_-', '_0'), ('\xa9\xae\u2122', -6, 'aA0_', '_'), ('\xb7', -8, 'a_', '_'),
    ('\u2022', -7, '_', '_Aa0'), ('\u2013\u2014', -4.5, '0_', 'aA0_'), ('\u2013', -6, 'aA', 'A0_'),
    ('\u2026', -5, 'aA0_-', '_-'), ('\u2018\u201c\u201e\xab', -4.5, '_-', 'aA0_-'),
    ('\u201d\xbb\u201c', -4.5, 'aA0_-', '_-'), ('\u2019', -6, 'aA0-', '_-'),
    ('\u201a', -8, '_', 'aA'), ('\u2039', -7, '_', 'aA'), ('\u203a', -7, 'aA', '_'),
    ('\xbf\xa1', -5, '_', 'Aa'), ('\xba', -5, '0A', '_0'), ('\xba', -5, 'a', '_'),
    ('\xaa', -6, '0A', '_'), ('\xd7', -6, '0_', '0_'), ('\xb1', -6, '0_', '0_'),
    ('\xa0', -5, '0_-', 'aA0_-'), ('\xa0', -5, 'aA', '0_-A'), ('\u2030', -7, '0_', '_'),
    ('\xa2', -7, '0', '_'), ('\u2116', -4.5, '_', '_0'),
    ('\u20aa', -6, '0_', '0_'), ('\u060c\u061f\u061b', -4, 'a', '_'),
)
APOSTROPHE = -4.0
# Between ideographs, kana and hangul.
WIDE_SIGNS = '\u3000\u3001\u3002\u300c\u300d\u300e\u300f\u3010\u3011\u30fb\u30fc\u3005\uff08\uff09' \
    '\uff0c\uff1a\uff01\uff1f\uff1b\u300a\u300b\u2460\u2461\u2462\u2463\u3231\u33a1\u2103\u203b'
WIDE_SIGN = -4.5

_WORDS = re.compile('[^\\W\\d_]+', re.UNICODE)
# l’eau, d’Angelo, qu’il, it’s, don’t, we’ll
_APOSTROPHES = re.compile(
    '(?:[\\W\\d_](?:[^\\W\\d_]|[Qq]u)|\\w(?=\u2019(?:[stdm]|re|ve|ll)(?!\\w)))\u2019(?=[^\\W\\d_])',
    re.UNICODE)


class Judge(object):
    """Says how likely words are; creating one reads the table of letters."""

    def __init__(self):
        self._pairs = {}    # {two letters: [(language, likely)]}
        self._letters = {}  # {letter: how likely it is in the language that uses it most}
        self._wide = {sign: dict.fromkeys(WIDE_LANGUAGES, WIDE_SIGN) for sign in WIDE_SIGNS}
        self._signs = {(sign, before, after): likely
                       for signs, likely, befores, afters in SIGNS
                       for sign in signs for before in befores for after in afters}
        with io.open(LETTERS, encoding='utf-8') as lines:
            for line in lines:
                language, level, letters = line.split()
                add = self._add_wide if language in WIDE_LANGUAGES else self._add_pairs
                add(language, -int(level) * STEP - .3, letters)

    def _add_wide(self, language, likely, letters):
        for letter in letters:
            self._wide.setdefault(letter, {})[language] = likely

    def _add_pairs(self, language, likely, letters):
        letters = letters.replace('_', ' ')
        for start in range(0, len(letters), 2):
            pair = letters[start:start + 2]
            self._pairs.setdefault(pair, []).append((language, likely))
            if pair[1] > '\x7f':
                self._letters[pair[1]] = max(likely, self._letters.get(pair[1], FOREIGN))

    def judge(self, words, languages):
        """(how likely, odd) for each word of a text in one or more of these languages."""
        judged = [self.word(word, languages) for word in words]
        more = {}
        for scores, _ in judged:
            least = max(scores.values()) + OTHER_LANGUAGE
            for language, likely in scores.items():
                if likely > least:
                    more[language] = more.get(language, 0) + likely - least
        main = max(more, key=more.get) if more else ''
        return [(max(scores.get(main, scores['']), max(scores.values()) + OTHER_LANGUAGE), odd)
                for scores, odd in judged]

    def word(self, word, languages):
        """({language: how likely the word is, '': in any other}, whether it is odd)."""
        text = ' {0} '.format(word)
        lower = ''.join(char if char == '\u0130' else char.lower() for char in text)
        if len(lower) != len(text):
            lower = text
        verdict = _Word(languages)
        for place in range(1, len(text)):
            previous, letter = lower[place - 1], lower[place]
            if previous < '\x80' and letter < '\x80':
                continue
            if _is_wide(letter):
                self._judge_wide(verdict, previous, letter)
            elif letter < '\x80' or _is_letter(letter):
                self._judge_letter(verdict, previous, letter)
            elif letter == '\u2019' and _APOSTROPHES.search(text, max(0, place - 3), place + 4):
                verdict.add(APOSTROPHE)
            else:
                self._judge_sign(verdict, letter, _kind(text[place - 1]) + _kind(text[place + 1]))
        _judge_case(verdict, text)
        return verdict.scores(), verdict.odd()

    def _judge_wide(self, verdict, previous, letter):
        known = self._wide.get(letter)
        verdict.wide += 1
        verdict.rare += not verdict.add_known(RARE, known.items() if known else ())
        if 'a' <= previous <= 'z':
            verdict.add(NEXT_TO_ASCII)

    def _judge_letter(self, verdict, previous, letter):
        if _is_wide(previous):
            if letter != ' ' and (letter > '\x7f' or 'a' <= letter <= 'z'):
                verdict.add(NEXT_TO_ASCII if letter < '\x80' else FOREIGN)
            return
        previous, letter = (char if _is_letter(char) else ' ' for char in (previous, letter))
        if previous < '\x80' and letter < '\x80':
            return
        if previous != ' ' and letter != ' ' and _is_latin(previous) != _is_latin(letter):
            verdict.add(MIXED)
        known = self._pairs.get(previous + letter, ())
        if letter > '\x7f':
            unknown = max(FOREIGN, self._letters.get(letter, FOREIGN) + NEVER_SEEN)
        else:
            unknown = LETTER_AFTER if previous in self._letters else FOREIGN
        verdict.strange += not verdict.add_known(unknown, known)

    def _judge_sign(self, verdict, sign, kinds):
        likely = self._signs.get((sign, kinds[0], kinds[1]))
        verdict.strange += likely is None
        verdict.add(NO_TEXT if likely is None else likely)


class _Word(object):
    """What has been found out about a word."""

    def __init__(self, languages):
        self._among = languages
        self.wide = self.rare = self.strange = 0
        self._base = 0.0
        self._languages = {}

    def add(self, likely):
        self._base += likely

    def add_known(self, unknown, known):
        """Adds `unknown` for all languages but those in `known`: pairs (language, how likely)."""
        self._base += unknown
        fits = False
        for language, likely in known:
            if language in self._among:
                self._languages[language] = self._languages.get(language, 0) + likely - unknown
                fits = True
        return fits

    def scores(self):
        base = self._base
        scores = {language: base + points for language, points in self._languages.items()}
        scores[''] = base
        return scores

    def odd(self):
        return self.strange > 0 or self.rare * 3 > self.wide


def _is_letter(letter):
    return unicodedata.category(letter)[0] in 'LM'


def _is_latin(letter):
    return letter < '\u02b0' or '\u1e00' <= letter < '\u1f00'


def _is_wide(letter):
    return '\u2e80' <= letter <= '\ud7ff' or '\uf900' <= letter <= '\ufaff' or \
        '\uff00' <= letter <= '\uffef' or '\u2460' <= letter <= '\u24ff' or letter in WIDE_SIGNS or letter > '\uffff'


def _kind(letter):
    if letter.isdigit():
        return '0'
    if _is_letter(letter):
        return 'A' if letter.isupper() else 'a'
    return '_' if letter < '\x80' else '-'


def _judge_case(verdict, text):
    for word in _WORDS.findall(text):
        if word == word.lower() or all(char < '\x80' for char in word):
            continue
        if len(word) > 1 and word == word.upper():
            verdict.add(CAPITALS)
            continue
        for previous, letter in zip(word, word[1:]):
            if previous.islower() and letter.isupper() and max(previous, letter) > '\x7f':
                verdict.add(ODD_CASE)
                verdict.strange += 1
