"""``python -m xlforget``, which is also what ``accelerate launch -m xlforget`` runs."""

from xlforget.cli.app import main

if __name__ == "__main__":
    main()
