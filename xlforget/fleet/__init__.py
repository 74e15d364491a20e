"""One run on several processes: rank 0 leads, the others hold their shards of the model and do what it says."""
