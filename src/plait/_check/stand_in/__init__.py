"""What takes the place of threads, locks, clocks and loops while a program is checked, one module for each kind.

May import the rest of `_check`.
"""
