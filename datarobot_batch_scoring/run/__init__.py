"""A run from its settings to its result.

It may import every other package, besides `errors` and `compat`.
"""
