-- One row per day and currency that the Bank of Russia quoted: what one unit is worth in roubles.
{{ bank_quotes('cbr', base='RUB', is_per_base=false) }}
