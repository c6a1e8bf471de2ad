"""Weights of the official SCD-Net implementation."""
