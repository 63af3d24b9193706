"""Requests made of the API's document: `make fuzz`."""

import tests.benchmarks  # noqa: F401  sets what Ray reads when it is imported
