{{ config(severity='warn') }}
-- Currencies without a rate in some month: their deals keep their native amounts and are counted, and every sum lacks
-- them. A rate in rates.csv, or a bank in exchange_rates of funnel.yml, is the remedy.
select source, currency, min(month) as first_month, max(month) as last_month
from {{ ref('unconverted_amounts') }}
group by 1, 2
