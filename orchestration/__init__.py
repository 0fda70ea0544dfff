"""When things run (Dagster), the one writer of the warehouse, publication, and the command line."""
