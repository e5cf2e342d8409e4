"""The settings of a run: the table of options, and what command line, environment and ini file say.

It may import `console`, besides `errors`, `compat` and `system`.
"""
