-- One row per lifecycle stage of a connection, with its order.
{{ union_vendors('lifecycle_stages') }}
