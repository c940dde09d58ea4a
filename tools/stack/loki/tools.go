//go:build tools

// Package tools pins Loki, the log store that the tests of the stack run.
package tools

import _ "github.com/grafana/loki/v3/cmd/loki"
