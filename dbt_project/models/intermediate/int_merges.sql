-- One row per deal that was merged away before as_of, with the deal it finally lives on in. Chains (a into b, b into
-- c) are followed by pointer jumping: five doublings resolve 32 links.
with links as (
    select
        deal_key as loser_deal_key,
        value as survivor_deal_key,
        effective_at as merged_at,
        row_number() over (partition by deal_key order by effective_at desc, sequence desc) as age,
        min(effective_at) over (partition by deal_key) as first_merged_at
    from {{ ref('int_deal_events') }}
    where field = 'merged_into' and effective_at < {{ as_of() }}
),

hop_0 as (
    select
        loser_deal_key,
        survivor_deal_key,
        first_merged_at as merged_at
    from links
    where age = 1
)
{% for hop in range(1, 6) %}
,

hop_{{ hop }} as (
    select
        here.loser_deal_key,
        coalesce(onward.survivor_deal_key, here.survivor_deal_key) as survivor_deal_key,
        here.merged_at
    from hop_{{ hop - 1 }} as here
    left join hop_{{ hop - 1 }} as onward on here.survivor_deal_key = onward.loser_deal_key
)
{% endfor %}

select
    loser_deal_key,
    survivor_deal_key,
    merged_at
from hop_5
where loser_deal_key <> survivor_deal_key
