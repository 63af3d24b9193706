"""Writes `services/client/generated` from the OpenAPI document; not part of the package that is installed."""
