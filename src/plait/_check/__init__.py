"""CHECK: run a program under many schedules, and explain the one that breaks it.

Imports `_schedulers`, `_draw` and `_core` only.
"""
