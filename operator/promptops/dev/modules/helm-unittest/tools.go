//go:build tools

// Package helmunittest pins what `promptops dev build` compiles out of this module.
package helmunittest

import (
	_ "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"
)
