"""Judging the model: memorization, utility, tests against controls, the gate. Never imports unlearn."""
