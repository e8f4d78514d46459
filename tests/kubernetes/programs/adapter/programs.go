//go:build programs

// Package programs pins what build.sh builds.
package programs

import _ "sigs.k8s.io/prometheus-adapter/cmd/adapter"
