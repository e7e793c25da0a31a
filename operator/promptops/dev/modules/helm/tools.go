//go:build tools

// Package helm pins what `promptops dev build` compiles out of this module.
package helm

import (
	_ "helm.sh/helm/v4/cmd/helm"
)
