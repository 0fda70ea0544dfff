# The forecast's records over the histories of deals, computed by forecasting.tables (pure functions of columns).
def model(dbt, session):
    import pandas

    from forecasting.coded import coded, frozen_columns
    from forecasting.tables import forecast_table

    dbt.config(materialized="table")
    as_of, fiscal_start = dbt.ref("int_forecast_clock").select("as_of, fiscal_start").fetchnumpy().values()
    columns, names = coded(dbt.ref("int_forecast_histories"))
    monthly = dbt.ref("int_owner_quotas").filter("quota > 0").aggregate("owner_key, month, sum(quota)").fetchall()
    quotas = {(owner, 12 * month.year + month.month - 1): float(quota) for owner, month, quota in monthly}
    frozen = frozen_columns(dbt.source("meta", "frozen_deal_months"), dbt.source("meta", "frozen_forecasts"))
    return pandas.DataFrame(forecast_table(columns, names, as_of[0], int(fiscal_start[0]), quotas, frozen))
