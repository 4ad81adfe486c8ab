"""The command line: one file per subcommand, and what they share. Imports `_run`, `_engines` and `_core`."""
