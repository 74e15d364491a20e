"""The paper's experiments, run by ``xlforget bench``."""
