"""The commands, each loaded when it runs."""
