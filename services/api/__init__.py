"""The HTTP API: an application factory, its routers, and how errors are told."""
