"""A run on many machines: Dask carries the work, fsspec the bytes.

It may import all other packages, and none of them imports it.
"""
