"""Scores CSV files of any size against a prediction server, in order."""

__version__ = '2.0.0'
