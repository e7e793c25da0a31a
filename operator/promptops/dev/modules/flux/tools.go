//go:build tools

// Package flux pins what `promptops dev build` compiles out of this module.
package flux

import _ "github.com/fluxcd/kustomize-controller"
