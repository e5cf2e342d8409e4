"""The carrier on one machine: the processes of a run, and what they send each other.

It may import `dataset`, `server`, `scoring` and `output`, besides `errors` and `compat`.
"""
