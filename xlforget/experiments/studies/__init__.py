"""The experiments of arXiv 2406.12354 again: each a declaration, all over one runner."""
