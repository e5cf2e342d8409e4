"""The processes of a run: what each one does, and what it tells the others.

It may import `dataset`, `server`, `output`, `report.predictions` and `report.tally`, besides `errors`
and `compat`.
"""
