-- One row per version of an opportunity that does not parse, with the reason and the raw record.
{{ rejected_versions('salesforce', 'opportunities') }}
