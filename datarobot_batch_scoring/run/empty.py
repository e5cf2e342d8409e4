"""What a run is with `--empty_ok` where the dataset has no rows."""

from __future__ import absolute_import, unicode_literals

import io
import sys

from datarobot_batch_scoring.errors import ScoringError
from datarobot_batch_scoring.local import messages
from datarobot_batch_scoring.output.gzip_members import compress_rows
from datarobot_batch_scoring.output.rows import header
from datarobot_batch_scoring.run import columns
from datarobot_batch_scoring.server.protocols.names import DATAROBOT


def write(settings, data, shape):
    """Writes the output: its header where `class_names` tells it, otherwise nothing. Returns `messages.Finished`."""
    line = b''
    if settings.class_names:
        labels = settings.class_names
        if settings.protocol == DATAROBOT:
            # As those of its responses.
            labels = tuple(sorted(labels))
        layout = columns.layout_of(settings, shape.output_delimiter.decode('ascii'))
        line = header(layout, list(columns.kept_names(settings, data.dialect.columns)), labels)
    if settings.out.endswith('.gz'):
        line = compress_rows(line)
    try:
        if settings.writes_stdout:
            stream = getattr(sys.stdout, 'buffer', sys.stdout)
            stream.write(line)
            stream.flush()
        else:
            with io.open(settings.out, 'wb') as target:
                target.write(line)
    except EnvironmentError as error:
        raise ScoringError('unwritable', file_kind='output', file=settings.out, reason=error.strerror)
    return messages.Finished(0, 0, len(line), 0)
