"""SEE: what a program does and why it is not faster, measured and told in words first.

Imports `_engines`, `_draw` and `_core`.
"""
