{#- dbt's own test of uniqueness, in front of it a pass over hashes: grouping numbers costs a third of grouping keys. -#}
{% macro default__test_unique(model, column_name) %}
with repeated_hashes as (
    select hash({{ column_name }}) as key_hash
    from {{ model }}
    where {{ column_name }} is not null
    group by 1
    having count(*) > 1
)

select {{ column_name }} as unique_field, count(*) as n_records
from {{ model }}
where {{ column_name }} is not null and hash({{ column_name }}) in (select repeated_hashes.key_hash from repeated_hashes)
group by {{ column_name }}
having count(*) > 1
{% endmacro %}
