{#- The words of fct_pipeline_movements in the order of a waterfall, and what a basis holds. -#}
{% macro movement_words() -%}
{{ return(['created', 'reopened', 'pulled_in', 'increased', 'decreased', 'fx', 'pushed_out', 'pipeline_in', 'pipeline_out',
    'won', 'lost', 'void', 'owner_in', 'owner_out']) }}
{%- endmacro %}

{#- Whether an open deal with this close date is in a basis on a day; null without a close date. -#}
{% macro closes_in(basis, close_date, day) -%}
case {{ basis }}
        when 'all_open' then true
        when 'close_in_month' then {{ month_of(close_date) }} = {{ month_of(day) }}
        else {{ quarter_of(close_date) }} = {{ quarter_of(day) }}
    end
{%- endmacro %}
