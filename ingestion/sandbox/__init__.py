"""Local stand-ins of the vendors' APIs, fed by one generated sales world. Ingestion never imports them."""
