{#- Shared pieces of staging models that keep the newest version of a record. -#}

{#- A version counts when its times are times; the rest goes to the rejects with a reason. r: parsed record. -#}
{% macro has_valid_times(r) -%}
{{ parse_timestamp(r ~ '.createdAt') }} is not null
    and ({{ blank_to_null(r ~ '.updatedAt') }} is null or {{ parse_timestamp(r ~ '.updatedAt') }} is not null)
    and ({{ blank_to_null(r ~ '.properties.createdate') }} is null
        or {{ parse_timestamp(r ~ '.properties.createdate') }} is not null)
{%- endmacro %}

{#- When the state that a version shows began: modified or archived, whichever is later. r: parsed record. -#}
{% macro state_at(r, otherwise) -%}
coalesce(greatest({{ parse_timestamp(r ~ '.updatedAt') }}, {{ parse_timestamp(r ~ '.archivedAt') }}), {{ otherwise }})
{%- endmacro %}

{#- Ids merged into a record: "11;22" and "11:1700000000000;33:…" → [11, 22, 33], never the record itself. -#}
{% macro merged_ids(listed, calculated, own_id) -%}
list_sort(list_filter(
        list_distinct(list_transform(
            list_concat(string_split(coalesce({{ listed }}, ''), ';'), string_split(coalesce({{ calculated }}, ''), ';')),
            lambda x: trim(split_part(x, ':', 1)))),
        lambda x: x <> '' and x <> {{ own_id }}))
{%- endmacro %}

{#- When a listed id was merged, as far as "11:1700000000000;33:…" tells. Use inside a lambda over merged_ids. -#}
{% macro merged_at(calculated, loser_id) -%}
{{ parse_timestamp("split_part(list_filter(string_split(coalesce(" ~ calculated ~ ", ''), ';'), lambda x: split_part(x, ':', 1) = "
    ~ loser_id ~ ")[1], ':', 2)") }}
{%- endmacro %}

{#- From a CTE of pairs (source, loser_id, survivor_id, merged_at) to the end of every chain of merges: use after
    `with recursive`. merged_at: when the loser itself was merged, null where nobody tells. -#}
{% macro merge_chains(pairs) -%}
walk as (
    select source, loser_id, survivor_id, merged_at, 1 as depth
    from {{ pairs }}
    union all
    select walk.source, walk.loser_id, pairs.survivor_id, walk.merged_at, walk.depth + 1 as depth
    from walk
    inner join {{ pairs }} as pairs on walk.source = pairs.source and walk.survivor_id = pairs.loser_id
    where walk.depth < 20
),

survivors as (
    select walk.source, walk.loser_id, min(walk.survivor_id) as survivor_id, min(walk.merged_at) as merged_at
    from walk
    left join {{ pairs }} as pairs on walk.source = pairs.source and walk.survivor_id = pairs.loser_id
    -- the end of the chain is a record that nobody lists as merged away
    where pairs.loser_id is null and walk.survivor_id <> walk.loser_id
    group by 1, 2
)
{%- endmacro %}
