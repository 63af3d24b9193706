"""What the services say of themselves: logs that programs can read."""
