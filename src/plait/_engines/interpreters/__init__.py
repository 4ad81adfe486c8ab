"""How subinterpreters of this process run items: the parts of `InterpreterEngine`, on both sides.

May import the rest of `_engines`.
"""
