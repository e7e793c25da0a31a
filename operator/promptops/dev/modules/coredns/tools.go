//go:build tools

// Package coredns pins what `promptops dev build` compiles out of this module.
package coredns

import (
	_ "github.com/coredns/coredns"
)
