"""Ten times the deals, 2,000,000 with 10,000,000 stage events, beside the usual 200,000: `make bench ARGS=big`.

FUNNEL_MEMORY_LIMIT=3GB keeps the peak below 4 GB: DuckDB spills to a folder beside the warehouse, which costs time.
"""

from benchmarks import warehouse


def main() -> None:
    warehouse.main(large=True)
