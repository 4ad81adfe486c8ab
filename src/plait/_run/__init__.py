"""The verbs: map and its Stream, Pool, retry, progress. Imports `_engines` and `_core`."""
