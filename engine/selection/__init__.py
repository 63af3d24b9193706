"""Which segments a run trains on: scores, the test of the disagreement, the draw, the manifest."""
