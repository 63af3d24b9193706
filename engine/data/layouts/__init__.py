"""The structures that datasets of speech come in, one to a file; `registry` knows them all."""
