"""Predict a run's time, memory and cost before its launch."""
