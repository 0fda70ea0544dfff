-- One row per campaign and list that had it.
{%- set channel %}case record ->> '$.campaign.advertisingChannelType'
        when 'DISPLAY' then 'display'
        when 'DEMAND_GEN' then 'display'
        when 'VIDEO' then 'video'
        else 'paid_search'
    end{% endset %}
{{ staged_campaigns('google_ads', '$.campaign.name', '$.campaign.status', channel) }}
