"""Stands for dbt's `graph` while sqlfluff renders the models: a project of no nodes."""

nodes: dict[str, object] = {}
