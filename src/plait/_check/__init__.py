"""CHECK: run a program under many schedules, and explain the one that breaks it.

Imports `_schedulers`, `_draw` and `_core`, and of `_engines` what the system tells of a process.
"""
