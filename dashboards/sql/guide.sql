-- one row a published table: what a row of it is
select schema_name || '.' || table_name as name, grain, key_columns as key, notes
from meta.table_guide
order by schema_name, table_name
