"""A run, from its settings to its result.

It may import every other package, as well as `errors` and `compat`.
"""
