-- One row per version of a submission of a lead form.
{{ staged_lead_forms('linkedin', "'paid_social'") }}
