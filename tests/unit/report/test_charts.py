"""Charts have room for what they show."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.report import charts


def test_wide_labels_and_numbers_are_not_cut_by_the_edge():
    labels = ['\u65e5' * 30, 'W' * 30, 'plain', 'x' * 22, '\x1b' * 30]
    chart = charts.rows([(each, [(10 ** 9, '1,000,000,000 (20.0%)', 'bar')]) for each in labels], 'title')
    names = re.findall('class="label"[^>]*>(.*?)<', chart)
    assert names == ['\u65e5' * 10 + '\u2026', 'W' * 10 + '\u2026', 'plain', 'x' * 22,
                     ('\\x1b' * 6)[:21] + '\u2026']
    for x, words in re.findall('x="([0-9.]+)"[^>]*text-anchor="start">(.*?)<', chart):
        assert float(x) + len(words) * charts.DIGIT <= charts.WIDTH
