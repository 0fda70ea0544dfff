-- One row per deal, person or lead that the source no longer listed, and no later record brought back.
{{ absent_records('pipedrive', {'deals': 'deals', 'contacts': 'persons', 'leads': 'leads'}) }}
