"""The processes of a run: what each one does, and what it tells the others.

It may import `dataset`, `server`, `output` and `report.predictions`, besides `errors` and `compat`.
"""
