"""Making the model forget: objective, teacher, curriculum, engine, methods."""
