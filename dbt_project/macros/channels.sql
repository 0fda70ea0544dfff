{#- Marketing channels: one word for what every system calls by its own. -#}

{#- A vendor's word for the source of a person (HubSpot's analytics source, Salesforce's LeadSource). -#}
{% macro channel_of_source(source) -%}
case
        when {{ blank_to_null(source) }} is null then null
        when {{ matches('lower(' ~ source ~ ')', 'paid.?search|adwords|google ads|ppc') }} then 'paid_search'
        when {{ matches('lower(' ~ source ~ ')', 'paid.?social') }} then 'paid_social'
        when {{ matches('lower(' ~ source ~ ')', 'organic|seo') }} then 'organic_search'
        when {{ matches('lower(' ~ source ~ ')', 'e.?mail|newsletter') }} then 'email'
        when {{ matches('lower(' ~ source ~ ')', 'social') }} then 'organic_social'
        when {{ matches('lower(' ~ source ~ ')', 'referral|partner|word of mouth') }} then 'referral'
        when {{ matches('lower(' ~ source ~ ')', 'direct|^web$|website') }} then 'direct'
        when {{ matches('lower(' ~ source ~ ')', 'offline|import|event|trade|phone|call') }} then 'offline'
        else 'other'
    end
{%- endmacro %}

{#- UTM parameters, by what the medium says. -#}
{% macro channel_of_utm(source, medium) -%}
case
        when {{ blank_to_null(medium) }} is null and {{ blank_to_null(source) }} is null then null
        when {{ matches('lower(' ~ medium ~ ')', 'paid.?social') }} then 'paid_social'
        when {{ matches('lower(' ~ medium ~ ')', '^(cpc|ppc|cpm|sem|paid|paid.?search)$') }} then
            case
                when {{ matches("lower(coalesce(" ~ source ~ ", ''))", 'facebook|instagram|meta|linkedin|tiktok|vk') }}
                    then 'paid_social'
                else 'paid_search'
            end
        when {{ matches('lower(' ~ medium ~ ')', 'display|banner') }} then 'display'
        when {{ matches('lower(' ~ medium ~ ')', 'mail|newsletter') }} then 'email'
        when {{ matches('lower(' ~ medium ~ ')', 'social') }} then 'organic_social'
        when {{ matches('lower(' ~ medium ~ ')', 'organic') }} then 'organic_search'
        when {{ matches('lower(' ~ medium ~ ')', 'referral|partner') }} then 'referral'
        when {{ matches("lower(coalesce(" ~ source ~ ", ''))", '^direct$') }} then 'direct'
        else 'other'
    end
{%- endmacro %}

{#- Order among campaigns of one name (names are not unique, and campaigns are renamed): the one that ran on the day of
    an instant, else the one that ran last. `campaigns` is an alias of int_campaigns. -#}
{% macro as_it_ran(at, campaigns) -%}
coalesce(
            {{ to_reporting_date(at) }} between {{ campaigns }}.first_date and {{ campaigns }}.last_date, false
        ) desc,
        {{ campaigns }}.last_date desc nulls last,
        {{ campaigns }}.campaign_key
{%- endmacro %}

{#- Named attribution models, each a rule of the place of a touch among the touches of its deal. -#}
{% macro attribution_models() %}{{ return(['first_touch', 'last_touch', 'linear', 'position_based']) }}{% endmacro %}

{#- The models as rows. -#}
{% macro attribution_model_rows() -%}
values
    {%- for model in attribution_models() %}
    ('{{ model }}'){{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Share of touch `place` (1 …) of `touches`. Position-based: 40 % to the first and the last, 20 % between. -#}
{% macro attribution_weight(model, place, touches) -%}
case {{ model }}
        when 'first_touch' then case when {{ place }} = 1 then 1.0 else 0.0 end
        when 'last_touch' then case when {{ place }} = {{ touches }} then 1.0 else 0.0 end
        when 'linear' then 1.0 / {{ touches }}
        else case
            when {{ touches }} = 1 then 1.0
            when {{ touches }} = 2 then 0.5
            when {{ place }} in (1, {{ touches }}) then 0.4
            else 0.2 / ({{ touches }} - 2)
        end
    end
{%- endmacro %}
