{#- The words of fct_pipeline_movements in the order of a waterfall, and what a basis holds. -#}
{% macro movement_words() -%}
{{ return(['created', 'reopened', 'pulled_in', 'increased', 'decreased', 'fx', 'pushed_out', 'pipeline_in', 'pipeline_out',
    'won', 'lost', 'void', 'owner_in', 'owner_out']) }}
{%- endmacro %}

{#- Whether a day lies in the months that begin with `first`; false where there is no day. -#}
{% macro lies_in(day, first, months) -%}
coalesce({{ day }} >= {{ first }} and {{ day }} < {{ first }} + interval '{{ months }} months', false)
{%- endmacro %}

{#- What a value changed by, signed; one of the two is null where it came in or went out. -#}
{% macro change_of(value_from, value_to) -%}
case
            when {{ value_from }} is null then {{ value_to }}
            when {{ value_to }} is null then -{{ value_from }}
            else cast({{ value_to }} - {{ value_from }} as decimal(18, 2))
        end
{%- endmacro %}
