"""The command line: commands, exit codes, signals, and what a user sees."""
