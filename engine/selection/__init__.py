"""Select the segments that a run trains on: scores, the test of the disagreement, the draw, the manifest."""
