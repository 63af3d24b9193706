"""Selection on the cluster: Ray Data maps the steps that read audio over its nodes."""
