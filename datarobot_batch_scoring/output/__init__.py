"""The output file: its rows, its checkpoint and its lock.

It may import `server`, besides `errors` and `compat`.
"""
