"""The process that looks at the threads of a program from outside, and what is read from it.

May import the rest of `_see`.
"""
