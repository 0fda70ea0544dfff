-- One row per day and currency that the European Central Bank quoted: what one unit is worth in euros.
{{ bank_quotes('ecb', base='EUR', is_per_base=true) }}
