"""Audio: stretches of recordings, stored as shards of WAV."""
