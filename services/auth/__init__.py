"""Accounts: passwords, tokens, sessions, API keys, and throttling of login attempts."""
