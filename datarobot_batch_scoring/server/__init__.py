"""The prediction server: its routes, its connections, its answers, and when to ask again.

It may import `dataset` and `console`, besides `errors` and `compat`.
"""
