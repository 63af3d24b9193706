"""Turn recordings into segments: speech detection, cutting, trimming, packing."""
