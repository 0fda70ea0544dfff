{#- A field of the ledger: one of ours, or a property that funnel.yml tracks. -#}
{% test event_field(model, column_name) %}
select {{ column_name }}, count(*) as events
from {{ model }}
where {{ column_name }} not in {{ sql_list(event_fields()) }}
group by {{ column_name }}
{% endtest %}
