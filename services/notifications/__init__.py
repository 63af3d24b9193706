"""What users are told when something of theirs has ended: rows, a stream, webhooks."""
