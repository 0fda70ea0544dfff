-- One row per version of a deal that does not parse, with the reason and the raw record.
{{ rejected_versions('pipedrive', 'deals') }}
