"""What a user would pick instead, each driven by a script of its own in an environment where it runs."""
