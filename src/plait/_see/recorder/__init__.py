"""What notes for a trace what the program does, put in place and taken away by `together`.

May import the rest of `_see`.
"""
