//go:build tools

// Package kubeconform pins what `promptops dev build` compiles out of this module.
package kubeconform

import _ "github.com/yannh/kubeconform/cmd/kubeconform"
