"""What a result was made of: kept beside it, so that it is never given for other inputs."""
