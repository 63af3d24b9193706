"""Structures of speech datasets, one module each; `registry` lists them all."""
