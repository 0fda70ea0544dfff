-- One row per connection: when its first record landed here, and the newest window's end.
select
    source,
    min(vendor) as vendor,
    min(extracted_at) as first_landed_at,
    max(extracted_at) as last_landed_at,
    max(to_at) as last_window_end
from {{ source('raw', '_windows') }}
group by 1
