"""When things run: Prefect flows around ``dvc repro``; no domain logic."""
