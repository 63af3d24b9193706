"""Text: rows of tables and text files, stored in the manifest."""
