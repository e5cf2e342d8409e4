"""The engine: batches in, scored rows out, with threads and no process.

It may import `dataset`, `server` and `output`, besides `errors` and `compat`.
"""
