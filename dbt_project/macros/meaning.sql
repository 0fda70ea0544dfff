{#- What funnel.yml says of pipelines and deal types: vars included_pipelines, {source: [pipeline id]}, and
    configured_deal_types, {source: {values: {word: type}, pipelines: {pipeline id: type}}}. -#}

{% macro quoted(texts) -%}
{%- set escaped = [] -%}
{%- for text in texts -%}{%- do escaped.append("'" ~ text | replace("'", "''") ~ "'") -%}{%- endfor -%}
{{ return(escaped | join(', ')) }}
{%- endmacro %}

{% macro key_text(source, id) %}{{ return(source ~ ':' ~ id | replace(':', '%3A')) }}{% endmacro %}

{#- Whether the deals of a pipeline count: all pipelines of a connection that names none, else those named. -#}
{% macro is_included(pipeline_key) -%}
{%- if var('included_pipelines') is not mapping or not var('included_pipelines') -%}
true
{%- else -%}
{%- set keys = [] -%}
{%- for source, ids in var('included_pipelines').items() -%}
{%- for id in ids -%}{%- do keys.append(key_text(source, id)) -%}{%- endfor -%}
{%- endfor -%}
coalesce(
    split_part({{ pipeline_key }}, ':', 1) not in ({{ quoted(var('included_pipelines')) }})
    or {{ pipeline_key }} in ({{ quoted(keys) }}),
    false
)
{%- endif -%}
{%- endmacro %}

{#- Whether a deal is in the marts: it was in an included pipeline at some time before as_of. Its stays in others are
    void. Never the pipeline of now alone: what a month end once showed must not go when a deal moves on. -#}
{% macro is_left_in(deal_key) -%}
{%- if var('included_pipelines') is not mapping or not var('included_pipelines') -%}
true
{%- else -%}
(
    split_part({{ deal_key }}, ':', 1) not in ({{ quoted(var('included_pipelines')) }})
    or {{ deal_key }} in (
        select left_in.deal_key
        from {{ ref('int_stage_visits') }} as left_in
        where left_in.entered_at < {{ as_of() }} and {{ is_included('left_in.pipeline_key') }}
        union all
        select left_in.deal_key
        from {{ ref('int_deal_events') }} as left_in
        where
            left_in.field = 'pipeline' and left_in.effective_at < {{ as_of() }}
            and {{ is_included(pipeline_key('left_in.source', 'left_in.value')) }}
    )
)
{%- endif -%}
{%- endmacro %}

{#- What funnel.yml makes of a deal: its word first, then its pipeline; null where it says nothing. -#}
{% macro configured_deal_type(given, pipeline_key, source) -%}
{%- set told = var('configured_deal_types') -%}
{%- if told is not mapping or not told -%}
null
{%- else -%}
coalesce(
    case
        {%- for name, meanings in told.items() %}{% for word, type in meanings['values'].items() %}
        when {{ source }} = '{{ name }}' and lower(trim({{ given }})) = {{ quoted([word]) }} then '{{ type }}'
        {%- endfor %}{% endfor %}
    else null end,
    {{ configured_pipeline_type(pipeline_key) }}
)
{%- endif -%}
{%- endmacro %}

{#- What funnel.yml says the deals of a pipeline are; null where it says nothing. -#}
{% macro configured_pipeline_type(pipeline_key) -%}
{%- set cases = [] -%}
{%- set told = var('configured_deal_types') -%}
{%- for name, meanings in (told if told is mapping else {}).items() -%}
{%- for id, type in meanings['pipelines'].items() -%}
{%- do cases.append("when " ~ quoted([key_text(name, id)]) ~ " then '" ~ type ~ "'") -%}
{%- endfor -%}
{%- endfor -%}
{%- if cases -%} case {{ pipeline_key }} {{ cases | join(' ') }} end {%- else -%} cast(null as varchar) {%- endif -%}
{%- endmacro %}

{#- Whether a pipeline holds renewals: by funnel.yml, else by its name. -#}
{% macro is_renewal_pipeline(pipeline_key, name) -%}
coalesce(
    {{ configured_pipeline_type(pipeline_key) }} = 'renewal',
    {{ matches('lower(' ~ name ~ ')', 'renewal|renew|продлен|пролонг') }}
)
{%- endmacro %}

{#- Query of the teams that funnel.yml gives to owners, in force since from_at up to to_at; before the first day the
    CRM's own team holds (team_key null, is_configured false). A team of that name in the CRM is that team. -#}
{% macro configured_team_periods() -%}
select
    owner_key, from_at, to_at, team_key, is_configured
from (
    select
        given.owner_key,
        given.from_at,
        lead(given.from_at) over (partition by given.owner_key order by given.from_at) as to_at,
        min(teams.team_key) as team_key,
        true as is_configured
    from (
        select
            {{ entity_key('source', 'source_owner_id') }} as owner_key, source, team_name,
            case
                when valid_from is null then {{ beginning_of_time() }} else {{ start_of_reporting_day('valid_from') }}
            end as from_at
        from {{ source('meta', 'configured_teams') }}
    ) as given
    inner join {{ ref('int_teams') }} as teams
        on given.source = teams.source and given.team_name = teams.team_name
    where given.from_at < {{ as_of() }}
    group by given.owner_key, given.from_at
) as periods
union all
select
    owner_key, {{ beginning_of_time() }} as from_at, min(from_at) as to_at, cast(null as varchar) as team_key,
    false as is_configured
from (
    select
        {{ entity_key('source', 'source_owner_id') }} as owner_key,
        case
            when valid_from is null then {{ beginning_of_time() }} else {{ start_of_reporting_day('valid_from') }}
        end as from_at
    from {{ source('meta', 'configured_teams') }}
) as starts
where from_at < {{ as_of() }}
group by owner_key
having min(from_at) > {{ beginning_of_time() }}
{%- endmacro %}
