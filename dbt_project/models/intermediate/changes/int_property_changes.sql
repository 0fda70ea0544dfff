-- One row per change of a property that two successive lists of its object's properties show. The first list of an
-- object is no change. Uncut by as_of.
with listings as (
    {{ union_vendors('property_listings') }}
),

lists as (
    select
        source,
        object,
        window_seq,
        row_number() over (partition by source, object order by window_seq) as list_number
    from (select distinct source, object, window_seq from listings) as windows
),

numbered as (
    select
        listings.*,
        lists.list_number
    from listings
    inner join lists
        on
            listings.source = lists.source
            and listings.object = lists.object
            and listings.window_seq = lists.window_seq
),

compared as (
    select
        coalesce(later.source, earlier.source) as source,
        coalesce(later.object, earlier.object) as object,
        coalesce(later.property_name, earlier.property_name) as property_name,
        coalesce(later.list_number, earlier.list_number + 1) as list_number,
        earlier.property_label as label_before,
        later.property_label as label_after,
        earlier.property_type as type_before,
        later.property_type as type_after,
        earlier.property_name is not null as was_listed,
        later.property_name is not null as is_listed
    from numbered as later
    full join numbered as earlier
        on
            later.source = earlier.source
            and later.object = earlier.object
            and later.property_name = earlier.property_name
            and later.list_number = earlier.list_number + 1
),

changes as (
    select
        source, object, property_name, list_number,
        case when is_listed then 'added' else 'removed' end as kind,
        label_before as value_before,
        label_after as value_after
    from compared
    where is_listed <> was_listed and list_number > 1
    union all
    select
        source, object, property_name, list_number, 'renamed' as kind,
        label_before as value_before,
        label_after as value_after
    from compared
    where is_listed and was_listed and label_before is distinct from label_after
    union all
    select
        source, object, property_name, list_number, 'type_changed' as kind,
        type_before as value_before,
        type_after as value_after
    from compared
    where is_listed and was_listed and type_before is distinct from type_after
)

select
    changes.source,
    {{ stage_key('changes.source', 'changes.object', 'changes.property_name') }} as property_key,
    changes.property_name,
    changes.kind,
    changes.value_before,
    changes.value_after,
    lists.window_seq
from changes
-- the last list has no successor: what would have gone after it is no change
inner join lists
    on
        changes.source = lists.source
        and changes.object = lists.object
        and changes.list_number = lists.list_number
