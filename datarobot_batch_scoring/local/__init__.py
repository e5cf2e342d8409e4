"""The carrier on one machine: the processes of a run, and what they send each other.

It may import `dataset`, `server`, `scoring`, `output`, `report.predictions` and `report.tally`,
besides `errors` and `compat`.
"""
