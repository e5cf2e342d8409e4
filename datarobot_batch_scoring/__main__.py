"""`python -m datarobot_batch_scoring`: says what commands there are."""

from __future__ import absolute_import

import sys

from datarobot_batch_scoring.commands import overview

if __name__ == '__main__':
    sys.exit(overview())
