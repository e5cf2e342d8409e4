"""How Sphinx builds this documentation: `sphinx-build -W docs <folder>`."""

from __future__ import absolute_import, unicode_literals

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# The sources beside this directory, whatever else is installed.
sys.path.insert(0, os.path.dirname(HERE))

from datarobot_batch_scoring import __version__  # noqa: E402

project = 'datarobot_batch_scoring'
author = 'its contributors'
version = release = __version__
html_theme = 'alabaster'
html_theme_options = {
    'description': 'Scores CSV files of any size on a prediction server',
    'fixed_sidebar': True,
    'page_width': '1120px',
}
html_show_sourcelink = False
html_copy_source = False
# They would make one dash of the two before an option.
smartquotes = False
# What is set apart is not Python unless it says so.
highlight_language = 'none'
