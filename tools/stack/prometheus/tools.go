//go:build tools

// Package tools pins Prometheus and promtool, the programs that the tests of the stack run.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
