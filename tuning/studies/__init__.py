"""Studies: experiments with a protocol fixed beforehand, run by `make study-*` and reported under `docs/studies/`."""
