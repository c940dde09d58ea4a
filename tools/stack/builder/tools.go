//go:build tools

// Package tools pins the Collector builder, which writes the Collector's main program from collector/builder.yaml.
package tools

import _ "go.opentelemetry.io/collector/cmd/builder"
