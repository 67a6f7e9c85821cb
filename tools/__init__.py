"""What the Makefile calls beside the line itself."""
