//go:build tools

// Package prometheus pins what `promptops dev build` compiles out of this module.
package prometheus

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
