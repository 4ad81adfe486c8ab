"""How objects cross to other processes: by name or by value, and what is said of those that cannot."""
