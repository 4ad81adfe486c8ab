"""The verbs: map and its Stream, Pool, scope, channel, retry, journal, progress. Imports `_engines` and `_core`."""
