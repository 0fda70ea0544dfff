-- One row per campaign and list that had it; removed and archived ones stay in the lists.
{{ staged_campaigns('linkedin', '$.name', '$.status', "'paid_social'") }}
