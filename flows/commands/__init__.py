"""Commands beside plan, apply and migrate: one file a command, each without a terminal."""
