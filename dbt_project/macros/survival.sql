{#- Estimators over lives that may not be over yet (rule R15), in SQL that any engine with window functions runs.
    `lives` is a relation with one row per life: the columns `by` (a list: one estimate a combination), `days` (lived so
    far, 0 or more) and the event that ended it. Of equal days events come before censorings. Every sum of doubles is
    taken in the order of days, so that the same lives give the same last digit in every build. -#}

{#- Kaplan-Meier: one row per `by` and distinct days, with `surviving`, the share expected to outlive them. Columns of
    `lives`: is_event (1 ended, 0 still going on), and `weight` (lives the row stands for) where it is given. -#}
{% macro kaplan_meier(lives, by, weight='1') -%}
select
    {{ by | join(', ') }}, days, events, at_risk,
    exp(sum({{ ln_survival('events', 'at_risk') }}) over (
        partition by {{ by | join(', ') }} order by days rows between unbounded preceding and current row
    )) as surviving
from ({{ steps_of_lives(lives, by, {'events': 'is_event'}, weight) }}) as km_steps
{%- endmacro %}

{#- The days by which a share of the lives is over: over the rows of kaplan_meier, grouped by `by`. Null where the curve
    does not come down to it. The margin is for rounding of the logarithms. -#}
{% macro km_quantile(share) -%}
min(case when surviving <= {{ 1 - share }} + 1e-9 then days end)
{%- endmacro %}

{#- Aalen-Johansen: one row per `by` that says how probable the event 1 is in the end, where other events compete.
    Column of `lives`: event (0 still going on, 1 the event asked for, any other a competing one). Columns:
    eventual (probability by the longest life seen), variance (Greenwood-type, of the same), median_days (by which half
    of all have had the event; null where fewer ever will), and the lives behind it: n, n_reached, n_competing. -#}
{% macro aalen_johansen(lives, by) -%}
{%- set group = by | join(', ') -%}
{%- set ordered = 'partition by ' ~ group ~ ' order by days rows between unbounded preceding and ' -%}
select
    {{ group }},
    max(eventual) as eventual,
    cast(case when sum(variance_part) > 0 then sum(variance_part) else 0 end as double) as variance,
    min(case when incidence >= 0.5 - 1e-9 then days end) as median_days,
    cast(max(at_risk) as bigint) as n,
    cast(sum(reached) as bigint) as n_reached,
    cast(sum(events - reached) as bigint) as n_competing
from (
    select
        *,
        -- decimals add up to the same in any order
        cast(
            case when events < at_risk
                then (eventual - incidence) * (eventual - incidence) * events / (at_risk * (at_risk - events)) else 0 end
            + before * before * reached * (at_risk - reached) / (at_risk * at_risk * at_risk)
            - 2 * (eventual - incidence) * before * reached / (at_risk * at_risk)
            as decimal(38, 20)
        ) as variance_part
    from (
        select
            *,
            sum(before * reached / at_risk) over ({{ ordered }} current row) as incidence,
            sum(before * reached / at_risk) over ({{ ordered }} unbounded following) as eventual
        from (
            select
                *,
                coalesce(exp(sum({{ ln_survival('events', 'at_risk') }}) over ({{ ordered }} 1 preceding)), 1) as before
            from ({{ steps_of_lives(lives, by, {
                'events': 'case when event <> 0 then 1 else 0 end', 'reached': 'case when event = 1 then 1 else 0 end',
            }) }}) as aj_steps
            -- days on which lives were but lost sight of are no steps; the first one tells how many lives there are
            where events > 0 or at_risk = all_lives
        ) as aj_before
    ) as aj_incidence
) as aj_variance
group by {{ group }}
{%- endmacro %}

{#- Bounds of the 95 % interval of a probability with a variance, on the scale of log(-log p), which keeps it inside
    (0, 1). Null at 0 and 1, where that scale ends. -#}
{% macro log_log_low(p, variance) %}{{ log_log_bound(p, variance, '') }}{% endmacro %}
{% macro log_log_high(p, variance) %}{{ log_log_bound(p, variance, '-') }}{% endmacro %}
{% macro log_log_bound(p, variance, sign) -%}
case when {{ p }} > 0 and {{ p }} < 1
        then power({{ p }}, exp({{ sign }}1.959963984540054 * sqrt({{ variance }}) / ({{ p }} * abs(ln({{ p }})))))
    end
{%- endmacro %}

{#- One row per `by` and distinct days: the given sums, how many lives came so far (at_risk) and how many there are. Where
    a row is a life, it is counted where it stands in the order: one sort instead of a group by and a sort. -#}
{% macro steps_of_lives(lives, by, sums, weight='1') -%}
{%- set group = by | join(', ') -%}
{%- if weight == '1' -%}
select
            {{ group }}, days,
            {%- for name in sums %}
            cast({{ name }} as double) as {{ name }},
            {%- endfor %}
            cast(all_lives as double) as all_lives,
            cast(all_lives - lives_before as double) as at_risk
        from (
            select
                {{ group }}, days,
                {%- for name, what in sums.items() %}
                sum({{ what }}) over (
                    partition by {{ group }} order by days range between current row and current row
                ) as {{ name }},
                {%- endfor %}
                count(*) over (partition by {{ group }}) as all_lives,
                rank() over (partition by {{ group }} order by days) - 1 as lives_before,
                row_number() over (partition by {{ group }} order by days) - 1 as place
            from {{ lives }}
        ) as placed_lives
        where place = lives_before
{%- else -%}
select
            *,
            sum(gone) over (partition by {{ group }}) as all_lives,
            sum(gone) over (
                partition by {{ group }} order by days rows between current row and unbounded following
            ) as at_risk
        from (
            select
                {{ group }}, days,
                {%- for name, what in sums.items() %}
                cast(sum(({{ what }}) * {{ weight }}) as double) as {{ name }},
                {%- endfor %}
                cast(sum({{ weight }}) as double) as gone
            from {{ lives }}
            group by {{ group }}, days
        ) as distinct_days
{%- endif %}
{%- endmacro %}

{#- A product as a sum of logarithms. The last life of all ending leaves nobody: ln 0, written as a number so low that
    exp() of it is nothing and yet no underflow, which some engines refuse. -#}
{% macro ln_survival(events, at_risk) -%}
case when {{ events }} < {{ at_risk }} then ln(1 - {{ events }} / {{ at_risk }}) else -600 end
{%- endmacro %}
