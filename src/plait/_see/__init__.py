"""SEE: what a program does, why it is not faster and why it hangs, recorded or measured, and told in words first.

Imports `_engines`, `_draw` and `_core`; neither `_run` nor `_check`.
"""
