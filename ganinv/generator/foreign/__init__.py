"""Checkpoints of other projects: one file a format, each with `read(file) -> Found`; nothing in a file is executed."""
