"""The settings of a run: the options there are, and what command line, environment and ini file say of them.

It may import `console`, besides `errors` and `compat`.
"""
