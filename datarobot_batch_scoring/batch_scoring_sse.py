"""`python -m datarobot_batch_scoring.batch_scoring_sse`."""

from __future__ import absolute_import

import sys

from datarobot_batch_scoring.commands import batch_scoring_sse

# Where processes are spawned, each imports this module again.
if __name__ == '__main__':
    sys.exit(batch_scoring_sse())
