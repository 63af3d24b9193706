"""Accounts: passwords, tokens, sessions, and what slows a guesser down."""
