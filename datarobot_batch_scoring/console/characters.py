"""A pattern for the characters that control a terminal or are invisible on it."""

from __future__ import absolute_import, unicode_literals

import sys

# A narrow build of 2.7 stores a character beyond U+FFFF as two surrogates.
_BEYOND = ('\ud80d[\udc30-\udc3f]|\ud82f[\udca0-\udca3]|\ud834[\udd73-\udd7a]|\udb40[\udc00-\udfff]'
           if sys.maxunicode == 0xffff else
           '[\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]')

# Control characters except tab and line feed; what Unicode calls format characters, which
# reverse text, end lines or are invisible; blank letters; and tags.
UNPRINTABLE = (
    '[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f'
    '\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|' + _BEYOND)
