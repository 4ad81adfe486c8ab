"""The command line: one file per subcommand, and what these share. Imports `_run`, `_check`, `_see` and below."""
