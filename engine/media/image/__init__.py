"""Images: PNG and JPEG files, stored as they are."""
