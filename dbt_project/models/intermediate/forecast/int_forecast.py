# The forecast's records over the histories of deals, computed by forecasting.tables (pure functions of columns).
CODED = ("deal", "stage", "pipeline", "team", "owner")


def coded(histories):
    """Columns of the histories with a number for each key, and by column the keys in the order of their numbers: a
    million rows of text would weigh more than all the forecast's figures."""
    names, joins = {}, []
    for name in CODED:
        key = f"coalesce({name}_key, '')"
        names[name] = histories.query("h", f"select distinct {key} as name from h order by name").fetchnumpy()["name"]
        joins.append(
            f"inner join (select name, row_number() over (order by name) - 1 as {name}"
            f" from (select distinct {key} as name from h)) as {name}s on {key} = {name}s.name"
        )
    columns = histories.query(
        "h",
        f"select {', '.join(CODED)}, happened_at, amount, close_date, won_month, probability,"
        f" list_position(['open', 'won', 'lost'], kind) - 1 as kind from h {' '.join(joins)}",
    ).fetchnumpy()
    return columns, names


def model(dbt, session):
    import pandas

    from forecasting.tables import forecast_table

    dbt.config(materialized="table")
    as_of, fiscal_start = dbt.ref("int_forecast_clock").select("as_of, fiscal_start").fetchnumpy().values()
    columns, names = coded(dbt.ref("int_forecast_histories"))
    monthly = dbt.ref("int_owner_quotas").filter("quota > 0").aggregate("owner_key, month, sum(quota)").fetchall()
    quotas = {(owner, 12 * month.year + month.month - 1): float(quota) for owner, month, quota in monthly}
    return pandas.DataFrame(forecast_table(columns, names, as_of[0], int(fiscal_start[0]), quotas))
