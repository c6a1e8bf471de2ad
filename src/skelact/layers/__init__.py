"""Layers: what encoders are built of."""
