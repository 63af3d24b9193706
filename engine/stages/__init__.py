"""The product's stages: each is one function of a config and manifests."""
