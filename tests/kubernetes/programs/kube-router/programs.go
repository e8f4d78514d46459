//go:build programs

// Package programs pins what build.sh builds.
package programs

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
