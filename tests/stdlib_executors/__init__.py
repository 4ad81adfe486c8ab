"""Runs CPython's own tests of executors against `plait.Pool`."""
