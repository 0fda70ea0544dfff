-- One row per campaign and list that had it; archived ones stay in the lists.
{{ staged_campaigns('yandex_direct', '$.Name', '$.State', yandex_channel("record ->> '$.Type'")) }}
