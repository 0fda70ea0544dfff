# The forecast's records over the histories of deals, computed by forecasting.tables (pure functions of columns). What
# rests on the histories up to the last month end is kept for as long as these are what they were.
def model(dbt, session):
    import pandas

    from forecasting.coded import code_version, coded, frozen_columns, held_records, kept_rows
    from forecasting.tables import forecast_table

    dbt.config(materialized="table")
    as_of, fiscal_start = dbt.ref("int_forecast_clock").select("as_of, fiscal_start").fetchnumpy().values()
    kinds = dbt.ref("dim_deals").project("deal_key, concat(deal_type, chr(31), original_source) as sales_key")
    columns, names = coded(dbt.ref("int_forecast_histories").join(kinds, "deal_key", how="left"))
    monthly = dbt.ref("int_owner_quotas").filter("quota > 0").aggregate("owner_key, month, sum(quota)").fetchall()
    quotas = {(owner, 12 * month.year + month.month - 1): float(quota) for owner, month, quota in monthly}
    frozen = frozen_columns(dbt.source("meta", "frozen_deal_months"), dbt.source("meta", "frozen_forecasts"))
    table = f"{dbt.this.schema}.{dbt.this.identifier}"
    kept = []

    def held(basis):
        rows = held_records(session, table, basis)
        kept.append(rows is not None)
        return rows

    fiscal = int(fiscal_start[0])
    frame = pandas.DataFrame(forecast_table(columns, names, as_of[0], fiscal, quotas, frozen, held, code_version()))
    if not any(kept):
        return frame
    session.register("forecast_made_now", frame)
    return session.query(f"from forecast_made_now union all by name {kept_rows(table)}")
