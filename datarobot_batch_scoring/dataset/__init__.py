"""The input: what it is, where its records end, and the batches that are cut from it.

It may import nothing of the other packages, besides `errors` and `compat`.
"""
