"""Kernels: the parts of layers that are compiled, for CPUs."""
