"""Disentangled representation learning: objectives, estimators, metrics, and their checks."""
