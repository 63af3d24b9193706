"""Audio: reading, resampling, features, augmentation."""
