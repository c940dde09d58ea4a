"""The real programs behind our telemetry, on this machine: Collector, Prometheus, VictoriaLogs and Jaeger.

`build` makes them from Go modules, in .tools/bin. `Stack` runs them on free loopback ports. `up` does it for a person.
"""
