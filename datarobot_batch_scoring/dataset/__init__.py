"""The input: what kind of file it is, where its records end, and the batches cut from it.

It may import `errors` and `compat`, and nothing from the other packages.
"""
