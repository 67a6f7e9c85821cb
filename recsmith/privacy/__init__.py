"""What protects people: pseudonyms at the door, forgetting, encryption at rest, and messages without secrets."""
