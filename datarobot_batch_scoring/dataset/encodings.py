# -*- coding: utf-8 -*-
"""Detects the encoding of a text from a sample of its bytes.

UTF-8 wins wherever it fits, for it hardly ever fits by chance. If it does not fit,
every other codec reads the words that are not ASCII, and a `Judge` says how likely
they are. A reading is accepted only if it is far ahead of every other.
"""

from __future__ import absolute_import, unicode_literals

import codecs
import re

from datarobot_batch_scoring.compat import check_utf8, text
from datarobot_batch_scoring.dataset import grammar
from datarobot_batch_scoring.dataset.judge import Judge
from datarobot_batch_scoring.errors import UsageError

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, 'utf-8'),
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, 'utf-32-le'),
    (codecs.BOM_UTF32_BE, 'utf-32-be'),
    (codecs.BOM_UTF16_LE, 'utf-16-le'),
    (codecs.BOM_UTF16_BE, 'utf-16-be'),
)
CHARDET_SIZE = 64 << 10

WESTERN = 'en fr es pt ca it de nl da nb sv fi is'
CENTRAL = 'pl cs sk hu sl sh ro de en'
BALTIC = 'lt lv et de en fi'
CYRILLIC = 'ru uk bg mk sr'

# How much less likely the codecs of each group are, and the languages that people
# write in each of them. Of codecs that read the same text the first is named.
CANDIDATES = (
    (0, (('cp1252', WESTERN), ('cp1250', CENTRAL), ('cp1251', CYRILLIC), ('cp1253', 'el'),
         ('cp1254', 'tr'), ('cp1255', 'he'), ('cp1256', 'ar fa fr'), ('cp1257', BALTIC),
         ('cp874', 'th'), ('cp932', 'ja'), ('gb18030', 'zh'), ('cp949', 'ko'), ('cp950', 'tw'),
         ('big5', 'tw'), ('euc_jp', 'ja'))),
    (-1, (('iso8859-15', WESTERN + ' et'), ('iso8859-2', CENTRAL), ('iso8859-5', CYRILLIC),
          ('iso8859-6', 'ar'), ('iso8859-7', 'el'), ('iso8859-8', 'he'), ('iso8859-9', 'tr'),
          ('koi8-r', 'ru bg'), ('koi8-u', 'uk ru'), ('cp850', WESTERN), ('cp437', WESTERN),
          ('cp852', CENTRAL), ('cp862', 'he'), ('cp866', CYRILLIC), ('mac-roman', WESTERN),
          ('mac-cyrillic', CYRILLIC))),
    (-3, (('big5hkscs', 'tw'), ('shift_jis', 'ja'), ('iso8859-4', BALTIC), ('iso8859-11', 'th'),
          ('iso8859-10', 'is nb sv da fi et lv lt'), ('iso8859-13', BALTIC),
          ('iso8859-16', 'ro pl hu sl sh'), ('cp858', WESTERN), ('cp855', CYRILLIC),
          ('cp857', 'tr'), ('cp860', 'pt'), ('cp861', 'is'), ('cp863', 'fr'), ('cp865', 'da nb'),
          ('cp737', 'el'), ('cp775', BALTIC), ('cp869', 'el'), ('cp720', 'ar fr'),
          ('cp1125', 'uk ru'), ('mac-latin2', CENTRAL), ('mac-greek', 'el'),
          ('mac-turkish', 'tr'), ('mac-iceland', 'is'), ('mac-croatian', 'sl sh'),
          ('mac-romanian', 'ro'), ('hp-roman8', WESTERN), ('kz1048', 'ru'), ('ptcp154', 'ru'))),
)

# The codecs of a family differ in a few signs, and either reading is as likely.
FAMILIES = ({'cp932', 'shift_jis'}, {'cp950', 'big5', 'big5hkscs'})

# In none of these codecs is a byte below 0x40, digits aside, part of a multibyte character.
# A word is looked at from its beginning only: the sample is large.
_WORD = re.compile(b'(?<![0-9@-\xff])[0-9@-\x7f]*[\x80-\xff][0-9@-\xff]*')
_NUMBER = re.compile(b'^[0-9]+(?=[\x80-\xff])')
_NOT_ASCII = re.compile(b'[\x80-\xff]')
_CONTROL = re.compile('[\x80-\x9f]')
# Well-formed UTF-8, and the halves of surrogate pairs that Oracle and Java write. All begins
# with one class of bytes, to which `re` skips quickly.
_UTF_8 = re.compile(
    b'[\xc2-\xf4](?:(?<=[\xc2-\xdf])[\x80-\xbf]|(?<=[\xe0-\xef])[\x80-\xbf]{2}'
    b'|(?<=[\xf0-\xf4])[\x80-\xbf]{3})')
UTF_8_TO_BAD = 10

FIRST_WORDS = 60   # read with every codec
MAX_WORDS = 1200  # read with the codecs that are not hopeless
HOPELESS = 60.0

# What makes a reading certain; measured in the tests of this module. Logarithms, as in `Judge`.
AHEAD = 7.0           # of every other reading, counting only the words that differ
AHEAD_A_WORD = .25    # and that much more for each of them
AHEAD_OF_ODD = 4.0    # of a reading whose differing words are not words at all
MAX_ODD = .25        # share of odd words; with more, the language or codec is an unknown one

SHORT = 2             # letters
FIRST_IDEOGRAPH = '\u2e80'

SHOWN, SHOWN_WIDTH = 5, 30


def detect(sample, path, whole):
    """(the codec of the text that begins with `sample`, whether it is a guess).

    `whole`: nothing follows the sample. Raises `UsageError` if no codec is certain.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return encoding, False
    try:
        check_utf8(sample)
        escaped = b'\x1b$' in sample and _escaped_encoding(sample)
        return escaped or 'utf-8', bool(escaped)
    except UnicodeDecodeError as error:
        # The first fault will be named, even in UTF-16 without a byte-order mark.
        if b'\0' in sample[:error.start] or mostly_utf_8(sample):
            return 'utf-8', False
    if not whole:
        # The last character may be cut in two.
        sample = sample[:sample.rfind(b'\n') + 1] or sample[:-8]
    readings = rank_readings(words_of(sample))
    if readings and is_sure(readings, sample):
        return readings[0].codec, True
    raise _not_sure(readings, sample, path)


def mostly_utf_8(sample):
    """Whether so much of what is not ASCII is UTF-8 that the rest must be faults in it."""
    rest, sequences = _UTF_8.subn(b'', sample)
    return sequences >= UTF_8_TO_BAD * len(_NOT_ASCII.findall(rest))


def _escaped_encoding(sample):
    """The codec (ISO-2022-JP, say) of a text in ASCII with escape sequences; None if unknown."""
    import chardet

    # It is slow, and plain ASCII tells it nothing.
    start = sample.rfind(b'\n', 0, sample.index(b'\x1b$')) + 1
    sample = sample[start:start + CHARDET_SIZE]
    encoding = chardet.detect(sample)['encoding'] or ''
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except (LookupError, UnicodeDecodeError):
        return None
    return text(encoding) if encoding.upper().startswith('ISO-2022') else None


def words_of(sample):
    """The distinct words (bytes) that are not all ASCII, no more than can be judged.

    Every byte above ASCII that occurs in the sample occurs in one of them.
    """
    words = sorted({_NUMBER.sub(b'0', word) for word in set(_WORD.findall(sample))})
    if len(words) <= MAX_WORDS:
        return words
    chosen, seen = set(words[::len(words) // MAX_WORDS + 1]), set()
    for word in words:
        if not seen.issuperset(word):
            seen.update(word)
            chosen.add(word)
    return sorted(chosen)


class Reading(object):
    """Words as a codec reads them, and how likely each one is in its languages."""

    def __init__(self, codec, languages, prior, words):
        self.codec = codec
        self.words = words
        self._languages = languages.split()
        self._prior = prior
        self._judged = []

    def judge(self, judge, step=1):
        self._judged = judge.judge(self.words[::step], self._languages)

    def likely(self):
        return self._prior + sum(likely for likely, _ in self._judged)

    def odd(self):
        """The share of words that fit no language."""
        return sum(odd for _, odd in self._judged) / float(len(self._judged))

    def is_ahead(self, other):
        """Whether it is so much more likely that the other is out of the question.

        Words that both read alike do not count: they tell languages apart,
        not codecs. A letter or two prove nothing: `µm` could as well be `Šm`.
        """
        ahead, differing, odd_here, odd_there = self._prior - other._prior, 0, 0, 0
        for place, word in enumerate(self.words):
            if word == other.words[place]:
                continue
            (score, is_odd), (other_score, other_is_odd) = self._judged[place], other._judged[place]
            ahead += min(0, score - other_score) if _is_short(word) else score - other_score
            differing += 1
            odd_here += is_odd and not other_is_odd
            odd_there += other_is_odd and not is_odd
        if odd_there == differing and ahead >= AHEAD_OF_ODD:
            return True
        return ahead >= AHEAD + AHEAD_A_WORD * differing and 2 * odd_here <= odd_there


def _is_short(word):
    return len(word.strip('0123456789')) <= SHORT and word.strip('0123456789').isalpha() and \
        max(word) < FIRST_IDEOGRAPH


def rank_readings(words):
    """A `Reading` for each codec that fits these words (bytes), most likely first."""
    joined, fitting = b'\n'.join(words), []
    for prior, members in CANDIDATES:
        for codec, languages in members:
            try:
                decoded = joined.decode(codec)
            except (LookupError, UnicodeDecodeError):
                continue
            if not _CONTROL.search(decoded):
                fitting.append(Reading(codec, languages, prior, decoded.split('\n')))
    judge = Judge()
    step = max(1, len(words) // FIRST_WORDS)
    for reading in fitting:
        reading.judge(judge, step)
    if step > 1:
        least = max([reading.likely() for reading in fitting] or [0]) - HOPELESS
        fitting = [reading for reading in fitting if reading.likely() > least]
        for reading in fitting:
            reading.judge(judge)
    return sorted(fitting, key=Reading.likely, reverse=True)


def is_sure(readings, sample):
    """Whether the first of these readings is the only plausible one."""
    best = readings[0]
    others = [reading for reading in readings if reading.words != best.words]
    if best.odd() > MAX_ODD or not all(map(best.is_ahead, others)):
        return False
    if any({best.codec, reading.codec} <= family for reading in others for family in FAMILIES):
        return False
    alike = [reading.codec for reading in readings if reading.words == best.words]
    try:
        # Not every word was judged.
        return len({sample.decode(codec) for codec in alike}) == 1
    except UnicodeDecodeError:
        return False


def _not_sure(readings, sample, path):
    readings = _most_used_first(readings)
    start = _first_distinguishing_word(readings, sample)
    line = grammar.count_lines(sample[:start]) + 1
    shown = _shown(readings, sample, start)
    if not shown:
        return UsageError('no_encoding', file=path)
    return UsageError('encoding', 'Line {0} could be {1}.'.format(line, ', '.join(
        "'{0}' ({1})".format(words, codec) for words, codec in shown)), file=path)


def _most_used_first(readings):
    """The likeliest of these readings, and that of cp1252, the most widely used codecs first."""
    likeliest = []
    for reading in readings:
        if len(likeliest) < SHOWN and reading.words not in [likely.words for likely in likeliest]:
            likeliest.append(reading)
    order = [codec for _, members in CANDIDATES for codec, _ in members]
    # Of codecs that read the words alike, the one in wider use stands for all.
    same = [min((alike for alike in readings if alike.words == reading.words),
                key=lambda alike: order.index(alike.codec)) for reading in likeliest]
    western = [reading for reading in readings if reading.codec == order[0] and reading not in same]
    return sorted((western + same)[:SHOWN], key=lambda reading: order.index(reading.codec))


def _first_distinguishing_word(readings, sample):
    """Where the first word stands that tells most of the likeliest readings apart.

    Codecs that read the line that is shown alike would hide each other: whoever picks one
    of them by that line may get other letters further down.
    """
    likeliest = []
    for reading in readings:
        if len(likeliest) < SHOWN and reading.words not in [likely.words for likely in likeliest]:
            likeliest.append(reading)
    words = words_of(sample)
    apart = [len({reading.words[place] for reading in likeliest}) for place in range(len(words))]
    telling = {word for word, number in zip(words, apart) if number == max(apart)}
    for match in _WORD.finditer(sample):
        if _NUMBER.sub(b'0', match.group()) in telling:
            return match.start() + _NOT_ASCII.search(match.group()).start()
    return _NOT_ASCII.search(sample).start()


def _shown(readings, sample, start):
    """[(the line around byte `start`, the codec that reads it that way)], each reading once."""
    beginning = max(sample.rfind(b'\n', 0, start), sample.rfind(b'\r', 0, start)) + 1
    line = re.split(b'[\r\n]', sample[beginning:])[0]
    named = [reading.codec for reading in readings]
    if len(_UTF_8.findall(sample)) > len(_NOT_ASCII.findall(_UTF_8.sub(b'', sample))):
        named.insert(0, 'utf-8')
    shown = []
    for codec in named:
        words = line.decode(codec, 'replace')
        first = max(0, min(start - beginning, len(words)) - SHOWN_WIDTH // 2)
        words = words[first:first + SHOWN_WIDTH].strip()
        if words not in [already for already, _ in shown]:
            shown.append((words, codec))
    return shown[:SHOWN]
