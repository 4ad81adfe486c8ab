"""Pictures of what threads did, for a terminal and for a browser: of a failing schedule and of a production run.

Imports `_core` only.
"""
