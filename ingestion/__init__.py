"""From an API to raw tables: extraction, landing files, loading. Imports nothing of ours outside this room."""
