{#- Times. Instants are TIMESTAMPTZ in UTC; days and months are dates in the reporting time zone (rule R1). -#}

{% macro ts(expression) %}{{ return(adapter.dispatch('ts')(expression)) }}{% endmacro %}
{% macro default__ts(expression) %}cast({{ expression }} as timestamptz){% endmacro %}
{% macro spark__ts(expression) %}cast({{ expression }} as timestamp){% endmacro %}

{% macro epoch_us(ts) %}{{ return(adapter.dispatch('epoch_us')(ts)) }}{% endmacro %}
{% macro default__epoch_us(ts) %}epoch_us({{ ts }}){% endmacro %}
{% macro spark__epoch_us(ts) %}unix_micros({{ ts }}){% endmacro %}

{#- Elapsed seconds from a to b, exact to the microsecond, as a double. date_diff counts boundaries: never use it. -#}
{% macro elapsed_seconds(a, b) %}(cast({{ epoch_us(b) }} - {{ epoch_us(a) }} as double) / 1000000){% endmacro %}
{% macro elapsed_days(a, b) %}(cast({{ epoch_us(b) }} - {{ epoch_us(a) }} as double) / 86400000000){% endmacro %}

{#- The day an instant falls on, in the reporting time zone. -#}
{% macro to_reporting_date(ts) %}{{ return(adapter.dispatch('to_reporting_date')(ts)) }}{% endmacro %}
{% macro default__to_reporting_date(ts) -%}
cast({{ ts }} at time zone '{{ var("reporting_timezone") }}' as date)
{%- endmacro %}
{% macro spark__to_reporting_date(ts) -%}
cast(from_utc_timestamp({{ ts }}, '{{ var("reporting_timezone") }}') as date)
{%- endmacro %}

{#- First day of the month an instant falls into, in the reporting time zone. -#}
{% macro to_reporting_month(ts) %}cast(date_trunc('month', {{ to_reporting_date(ts) }}) as date){% endmacro %}

{% macro month_of(day) %}cast(date_trunc('month', {{ day }}) as date){% endmacro %}

{#- The instant at which a day begins in the reporting time zone (23:00 or 25 hours apart at clock changes). -#}
{% macro start_of_reporting_day(day) %}{{ return(adapter.dispatch('start_of_reporting_day')(day)) }}{% endmacro %}
{% macro default__start_of_reporting_day(day) -%}
(cast({{ day }} as timestamp) at time zone '{{ var("reporting_timezone") }}')
{%- endmacro %}
{% macro spark__start_of_reporting_day(day) -%}
to_utc_timestamp(cast({{ day }} as timestamp), '{{ var("reporting_timezone") }}')
{%- endmacro %}

{#- "Since ever": the valid_from of what was assumed before our first landing. -#}
{% macro beginning_of_time() %}{{ ts("'1970-01-01 00:00:00+00'") }}{% endmacro %}

{#- First day of the fiscal quarter a day falls into. -#}
{% macro quarter_of(day) -%}
{%- set shift = (var('fiscal_year_start_month') | int - 1) % 3 -%}
cast(date_trunc('quarter', date_trunc('month', {{ day }}) - interval '{{ shift }} months') + interval '{{ shift }} months' as date)
{%- endmacro %}
