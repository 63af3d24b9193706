"""Selection on the cluster: the steps that read audio, mapped over its nodes by Ray Data."""
