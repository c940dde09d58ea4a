"""Dashboards and alert rules as code. `tools/make_dashboards.py` writes what Grafana and Prometheus read."""
