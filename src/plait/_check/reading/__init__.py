"""What is read from the record of an execution, and from the source of the program. Pure.

May import the rest of `_check`, as far as that is pure; what follows from it is said by `explain`.
"""
