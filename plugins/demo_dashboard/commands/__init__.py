"""The commands, each imported when it runs."""
