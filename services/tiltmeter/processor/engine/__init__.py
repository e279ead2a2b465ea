"""The engine: Faust assigns, fetches and rebalances; this package makes what a stage sees exact."""
