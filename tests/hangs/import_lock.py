import import_lock_module  # noqa: F401  # the import never ends
