"""From recordings to segments: where somebody speaks, cutting, trimming, packing."""
