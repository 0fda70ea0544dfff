"""Measurements, each printed as a ratio to its yardstick in the same run. Never asserted in a test."""
