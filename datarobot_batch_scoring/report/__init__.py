"""The report on a run: its figures as JSON or as a page.

It may import `server`, `settings` and `console`, besides `errors` and `compat`.
"""
