"""Whether a plan and the records of its parts, read back, are such as this program writes."""

from __future__ import absolute_import, unicode_literals

import re

from datarobot_batch_scoring.output.sealed import is_count, is_text

MAX_TEXT = 1 << 16
MAX_LABELS = 1 << 20
# Digits of names that `Remains.attempt` gives.
_PLAN = re.compile(r'plan-[0-9a-f]{12}\Z')
_INPUT = re.compile(r'input-[0-9a-f]{12}\Z')
_OBJECT = r'{0}-{1:06d}-[0-9a-f]{{12}}\Z'
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')


def check_plan(plan, folder):
    """Raises `ValueError` unless a `planning.Plan` in a run directory, a URL, is one.

    Its parts cover the rows without a gap; it reads nothing but the dataset, and what that was
    unpacked to.
    """
    source = plan.source
    good = (_is_name(_PLAN, plan.name) and _is_matching(plan.matching)
            and all(is_text(value, MAX_TEXT) for value in (
                plan.dataset, plan.version, source.url, source.version, source.encoding))
            and is_count(source.size) and is_count(source.start) and is_count(plan.step, 1))
    if not good:
        raise ValueError('not a plan')
    if source.url != plan.dataset and not (
            source.url.startswith(folder) and _INPUT.match(source.url[len(folder):])):
        raise ValueError('not its dataset')
    _check_stretches(plan.stretches, source)


def _check_stretches(stretches, source):
    end, row, line = source.start, 0, 1
    for stretch in stretches:
        if not all(map(is_count, stretch)):
            raise ValueError('not a row range')
        # Blank lines may precede the first.
        follows = stretch.start == end or not row and stretch.start > end
        if not (follows and stretch.end > stretch.start and stretch.rows and stretch.row == row
                and stretch.line >= line):
            raise ValueError('a gap')
        end, row, line = stretch.end, row + stretch.rows, stretch.line
    if stretches and end != source.size:
        raise ValueError('not the whole dataset')


def check_record(record, number):
    """Raises `ValueError` unless a `remains.Record` is one of the part with that number."""
    good = (record.part == number and is_count(record.part)
            and _is_name(_PLAN, record.plan) and _is_object('part', number, record.name)
            and all(map(is_count, (record.size, record.checksum, record.rows, record.nulls,
                                   record.bad, record.bad_size)))
            and record.checksum < 1 << 32 and record.bad <= record.rows
            and all(is_text(value, MAX_TEXT) for value in (record.version, record.bad_version))
            and _are_labels(record.labels) and _is_name(_SHA256, record.digest)
            and isinstance(record.stretch, list) and len(record.stretch) == 5
            and all(map(is_count, record.stretch)) and record.rows <= record.stretch[3])
    if not good:
        raise ValueError('not a record')
    if record.bad and not _is_object('bad', number, record.bad_name) or not record.bad and (
            record.bad_name, record.bad_size) != (None, 0):
        raise ValueError('not an object with bad rows')
    # Those who read them check the rest.
    if record.figures is not None and not isinstance(record.figures, dict):
        raise ValueError('not figures')
    _check_notes(record)


def _check_notes(record):
    notes = record.notes
    if not isinstance(notes, dict) or set(notes) != set(['blank', 'ctrl_z', 'short', 'bad']):
        raise ValueError('not notes')
    lines = [notes[kind] for kind in ('blank', 'ctrl_z', 'short')]
    if not all(line is None or is_count(line) for line in lines):
        raise ValueError('not lines')
    bad = notes['bad']
    if not (isinstance(bad, list) and len(bad) == record.bad
            and all(isinstance(entry, list) and len(entry) == 3 for entry in bad)):
        raise ValueError('not notes of bad rows')
    first, rows = record.stretch[2:4]
    for row, line, reason in bad:
        if not (is_count(row) and is_count(line) and is_text(reason, MAX_TEXT)
                and first <= row < first + rows):
            raise ValueError('not a bad row')


def rows_wanted(stretch, rows):
    """How many rows of a stretch are to be scored; `rows` as in the settings."""
    first, end = rows or (0, stretch.row + stretch.rows)
    return max(min(end, stretch.row + stretch.rows) - max(first, stretch.row), 0)


def fits(record, stretches, rows):
    """Whether a record is of a part of these stretches, and has all rows of it that are wanted."""
    if record.part >= len(stretches):
        return False
    stretch = stretches[record.part]
    # Only at the end of the dataset may there be fewer than a scan has seen.
    wanted = rows_wanted(stretch, rows)
    return record.stretch == list(stretch) and (
        record.rows == wanted or record.part == len(stretches) - 1 and record.rows < wanted)


def _is_name(pattern, name):
    return is_text(name, 100) and bool(pattern.match(name))


def _is_object(kind, number, name):
    return _is_name(re.compile(_OBJECT.format(kind, number)), name)


def _are_labels(labels):
    return labels is None or isinstance(labels, list) and all(
        is_text(label, MAX_LABELS) for label in labels)


def _is_matching(matching):
    return isinstance(matching, dict) and all(
        value is None or isinstance(value, bool) or is_count(value) or is_text(value, MAX_TEXT)
        or isinstance(value, list) and all(is_text(text, MAX_TEXT) for text in value)
        for value in matching.values())
