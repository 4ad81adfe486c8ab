"""What a map has done, kept in a file, so that it is not done again: `plait.Journal` and its parts.

May import the rest of `_run`.
"""
