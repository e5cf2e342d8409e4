"""The output file: its rows, its checkpoint and its lock.

It may import `server`, as well as `errors` and `compat`.
"""
