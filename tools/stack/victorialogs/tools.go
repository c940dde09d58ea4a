//go:build tools

// Package tools pins VictoriaLogs, the log store that the tests of the stack run.
package tools

import _ "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"
