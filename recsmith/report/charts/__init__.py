"""The plots of the report, as Vega-Lite specifications with their data inside."""
