-- One row per campaign and list that had it; deleted and archived ones stay in the lists.
{{ staged_campaigns('meta', '$.name', '$.effective_status', "'paid_social'") }}
