"""Topics as Parquet files: what retention will delete, kept byte for byte, and read back by a backtest."""
