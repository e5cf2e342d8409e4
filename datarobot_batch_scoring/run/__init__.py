"""A run from its settings to its result.

It may import every package above, besides `errors` and `compat`.
"""
