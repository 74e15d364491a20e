"""The same fact in every language: the parallel set and the translators that fill it. No torch here."""
