"""Readers of encoders that other projects published."""
