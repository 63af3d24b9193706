"""Adapters in plain peft format."""
