"""Operators' actions on other users' accounts and resources; every change and its author are in the audit trail."""
