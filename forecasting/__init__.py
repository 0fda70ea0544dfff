"""Pure numerical functions for the revenue forecast. No I/O, no Dagster, no SQL. Filled by the forecast issue."""
