"""Studies: experiments with a protocol fixed in advance, run by `make study-*` and reported under `docs/studies/`."""
