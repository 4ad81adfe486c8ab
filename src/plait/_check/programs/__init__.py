"""What is checked: a script, a module, a function, a test, with what it is defined by, anew for each execution.

May import the rest of `_check`.
"""
