{#- Which of the open categories a stage is, where nobody has said so: by its name (English, Russian), else by its
    probability, else by its place among the open stages. Won, lost and void are never inferred: they come from the
    vendor's flags and from configuration. The first rule that matches wins. -#}
{% macro matches(expression, pattern) %}{{ return(adapter.dispatch('matches')(expression, pattern)) }}{% endmacro %}
{% macro default__matches(expression, pattern) %}regexp_matches({{ expression }}, '{{ pattern }}'){% endmacro %}
{% macro spark__matches(expression, pattern) %}{{ expression }} rlike '{{ pattern }}'{% endmacro %}

{% macro stage_name_patterns() -%}
{{ return([
    ('closing', 'contract|signature|signing|to sign|signed|verbal|procurement|purchase order|invoice|payment|closing'
        ~ '|commit|legal|договор|подпис|сч[её]т|оплат|закрыти|юрид'),
    ('negotiation', 'negotiat|decision|bought.?in|objection|review|terms|переговор|согласован|торг|решени|обсужден'
        ~ '|возражен'),
    ('proposal', 'propos|quot|offer|estimat|rfp|tender|pricing|предложен|коммерческ|смет|расч[её]т|тендер|оферт'
        ~ '|(^|[^а-яё])кп([^а-яё]|$)'),
    ('qualification', 'qualif|discovery|needs|assess|scoping|bant|квалиф|потребност|выявлен|анализ'),
    ('meeting', 'meeting|appointment|demo|presentation|presented|call|visit|workshop|trial|pilot|proof of concept'
        ~ '|встреч|презентац|демо|звон|показ|визит|пилот|тест'),
    ('prospecting', 'prospect|lead|(^|[^a-z])new([^a-z]|$)|incoming|inquiry|enquiry|contact|outreach|backlog'
        ~ '|новы|новая|входящ|лид|заявк|обращен|первичн|контакт|неразобран'),
]) }}
{%- endmacro %}

{#- `share`: place among the open stages of the pipeline, strictly between 0 and 1. -#}
{% macro infer_open_category(name, probability, share, is_after_won) -%}
case
    when {{ is_after_won }} and (
        {{ probability }} = 1
        or {{ matches('lower(' ~ name ~ ')', 'onboard|implement|deliver|fulfil|shipp|provision|go.?live'
            ~ '|внедрен|отгруз|доставк|исполнен|производств|монтаж|выполнен') }}
    ) then 'fulfilment'
    {%- for category, pattern in stage_name_patterns() %}
    when {{ matches('lower(' ~ name ~ ')', pattern) }} then '{{ category }}'
    {%- endfor %}
    {%- set place = 'case when ' ~ probability ~ ' > 0 and ' ~ probability ~ ' < 1 then ' ~ probability
        ~ ' else ' ~ share ~ ' end' %}
    when {{ place }} <= 0.15 then 'prospecting'
    when {{ place }} <= 0.3 then 'qualification'
    when {{ place }} <= 0.5 then 'meeting'
    when {{ place }} <= 0.7 then 'proposal'
    when {{ place }} <= 0.85 then 'negotiation'
    else 'closing'
end
{%- endmacro %}

{#- The category of a stage: void in a pipeline that is not included, then funnel.yml, then the seed, then the vendor's flags, then inference. `stage` is a relation
    with is_won, is_lost, inferred_category. -#}
{% macro decided_category(configured, mapped, stage) -%}
coalesce(
    {%- if var('included_pipelines') %}
    case when not {{ is_included(stage ~ '.pipeline_key') }} then 'void' end,
    {%- endif %}
    {{ configured }},
    {{ mapped }},
    case when {{ stage }}.is_won then 'won' when {{ stage }}.is_lost then 'lost' end,
    {{ stage }}.inferred_category
)
{%- endmacro %}

{% macro is_category_inferred(configured, mapped, stage) -%}
({{ configured }} is null and {{ mapped }} is null and not {{ stage }}.is_won and not {{ stage }}.is_lost
    {%- if var('included_pipelines') %} and {{ is_included(stage ~ '.pipeline_key') }}{% endif %})
{%- endmacro %}

{#- Whether a row of stage_map is in force on a day. -#}
{% macro is_in_force(map, day) -%}
({{ map }}.valid_from is null or {{ map }}.valid_from <= {{ day }})
and ({{ map }}.valid_to is null or {{ map }}.valid_to >= {{ day }})
{%- endmacro %}
