-- One row per ad campaign, removed ones too.
select
    campaign_key,
    source,
    source_campaign_id,
    channel,
    campaign_name,
    status
from {{ ref('int_campaigns') }}
