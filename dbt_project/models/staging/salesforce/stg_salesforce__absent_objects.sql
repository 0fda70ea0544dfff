-- One row per opportunity, lead or account that the weekly list of ids no longer had, and no later record brought back.
-- The marts' leads are people, which other CRMs call contacts.
{{ absent_records(
    'salesforce', {'deals': 'opportunities', 'contacts': 'leads', 'companies': 'accounts'}, named={'leads': 'contacts'}
) }}
