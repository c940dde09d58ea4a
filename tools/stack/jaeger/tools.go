//go:build tools

// Package tools pins Jaeger, the trace store that the tests of the stack run.
package tools

import _ "github.com/jaegertracing/jaeger/cmd/jaeger"
