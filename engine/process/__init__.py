"""What concerns a whole process: threads, heap, late compilation, peak memory."""
