"""Text to tokens: answer masks, batches, retain and unseen text, controls."""
