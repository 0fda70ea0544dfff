# The forecast's records over the histories of deals, computed by forecasting.tables (pure functions of columns).
def model(dbt, session):
    import pandas

    from forecasting.tables import forecast_table

    dbt.config(materialized="table")
    as_of, fiscal_start = dbt.ref("int_forecast_clock").select("as_of, fiscal_start").fetchnumpy().values()
    columns = dbt.ref("int_forecast_histories").fetchnumpy()
    return pandas.DataFrame(forecast_table(columns, as_of[0], int(fiscal_start[0])))
