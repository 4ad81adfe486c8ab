"""What the code of a function, and the values it uses, tell of it: what it shares with the program and changes.

May import the rest of `_engines`.
"""
