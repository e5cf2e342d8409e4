"""The prediction server: its routes, connections and answers, and when to retry.

It may import `dataset` and `console`, besides `errors` and `compat`.
"""
