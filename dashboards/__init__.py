"""The page people look at: one static HTML file, made from published files only. Knows nothing of the other rooms."""
