"""Record the inputs of a result, so that it is never returned for other inputs."""
