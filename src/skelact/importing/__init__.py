"""Importing: known benchmarks and folders of files become a store."""
