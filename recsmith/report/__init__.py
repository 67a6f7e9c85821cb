"""What a person should know: one page that opens offline, a model card, and where everything came from."""
