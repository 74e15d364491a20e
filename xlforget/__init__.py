"""xlforget: erase facts from a multilingual language model in all its languages, and prove it."""

__version__ = "0.1.0"
