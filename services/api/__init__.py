"""The HTTP API: an application factory, its routers, and its error responses."""
