{#- Marts cut at as_of, built incrementally by deal. Their rows of a deal follow from the deal's own events before
    as_of and from small tables that all deals share (config meta.shared: {model: hash of a row}). So a build computes deals
    anew that have a newer window, an event between the as_of of the build before and this one (whichever is later), or
    a merge (chains reach over deals); and every deal where a shared table changed. What a mart was last built from
    stands in intermediate.built_marts, written in the transaction that builds it. A mart that reads of a deal's record what
    no event dates (its created_at) says so, config meta.reads_record: a newer version of the record is a reason too.

    In the model: pre_hook "{{ drop_touched() }}", post_hook "{{ remember_build() }}", strategy append, and
    `where {{ is_touched('deal_key') }}`. -#}

{#- Condition on a deal key: the deal is computed in this build. One query a reason: joined by `or` they would read every
    column of every event, which costs five times as much. -#}
{% macro is_touched(deal_key) -%}
{%- set before = build_before() -%}
{%- if before == 'none' -%}
true
{%- else -%}
{{ deal_key }} in (
        select deal_key
        from {{ ref('int_deal_events') }}
        where window_seq > {{ before.window_seq }}
        union all
        select deal_key
        from {{ ref('int_deal_events') }}
        where field = 'merged_into'
        union all
        select deal_key
        from {{ ref('int_deal_events') }}
        where
            effective_at >= least(timestamptz '{{ before.as_of }}', {{ as_of() }})
            and effective_at < greatest(timestamptz '{{ before.as_of }}', {{ as_of() }})
        {%- if reads_visits() %}
        union all
        select deal_key
        from {{ ref('int_stage_visits') }}
        where window_seq > {{ before.window_seq }}
        {%- endif %}
        {%- if (config.get('meta') or {}).get('reads_record') %}
        union all
        select deal_key
        from {{ ref('int_deals') }}
        where window_seq > {{ before.window_seq }}
        {%- endif %}
    )
{%- endif -%}
{%- endmacro %}

{#- `running_month`: the mart keeps complete months alone, its other rows are of no use to this build. -#}
{% macro drop_touched(running_month=false) -%}
{%- if is_incremental() -%}
delete from {{ this }}
where
    {{ is_touched('deal_key') }}
    {%- if running_month %}
    or month not in (select months.month from {{ ref('int_months') }} as months where months.is_complete_month)
    {%- endif %}
{%- endif -%}
{%- endmacro %}

{% macro remember_build() -%}
create table if not exists intermediate.built_marts (
    mart varchar, as_of timestamptz, window_seq bigint, shared varchar
);
delete from intermediate.built_marts where mart = '{{ this.identifier }}';
insert into intermediate.built_marts
select
    '{{ this.identifier }}',
    {{ as_of() }},
    greatest(
        (select max(window_seq) from {{ ref('int_deal_events') }}),
        {% if reads_visits() %}(select max(window_seq) from {{ ref('int_stage_visits') }}),{% endif %}
        -1
    ),
    {{ shared_tables() }}
{%- endmacro %}

{#- {as_of, window_seq} of the build whose rows this mart can keep, or 'none': there is no such build. -#}
{% macro build_before() -%}
{%- if not (execute and is_incremental()) -%}{{ return('none') }}{%- endif -%}
{%- set books = run_query(
    "select 1 from information_schema.tables where table_schema = 'intermediate' and table_name = 'built_marts'"
) -%}
{%- if not books.rows -%}{{ return('none') }}{%- endif -%}
{%- set found = run_query(
    "select cast(as_of as varchar), window_seq from intermediate.built_marts where mart = '" ~ this.identifier
    ~ "' and shared = " ~ shared_tables()
) -%}
{%- if found.rows | length != 1 -%}{{ return('none') }}{%- endif -%}
{{ return({'as_of': found.rows[0][0], 'window_seq': found.rows[0][1]}) }}
{%- endmacro %}

{#- Text expression: the sum of each shared table's row hashes, whatever the order of its rows. -#}
{% macro shared_tables() -%}
{%- set hashes = [] -%}
{%- if execute -%}
{%- for name, row_hash in (config.get('meta') or {}).get('shared', {}).items() -%}
{%- do hashes.append("(select coalesce(sum(" ~ row_hash ~ "), 0) from " ~ ref(name) ~ ")") -%}
{%- endfor -%}
{%- endif -%}
{{ return("concat_ws(' ', '', " ~ hashes | join(', ') ~ ")" if hashes else "''") }}
{%- endmacro %}

{#- Whether the mart follows the visits: they have a newer window too when a pipeline was seen with a stage for the
    first time. -#}
{% macro reads_visits() -%}
{{ return(execute and 'model.funnel.int_stage_visits' in model.depends_on.nodes) }}
{%- endmacro %}
