package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// packages are what a run needs, by the Debian package that has it.
var packages = map[string]string{
	"/usr/bin/containerd": "containerd", "/usr/sbin/runc": "runc", "/usr/lib/cni/bridge": "containernetworking-plugins",
	"/usr/sbin/iptables": "iptables", "/usr/bin/ip": "iproute2", "/usr/lib/postgresql/*/bin/postgres": "postgresql",
	"/usr/bin/gcc": "gcc", "/usr/bin/curl": "curl", "/usr/lib/*/libc.a": "libc6-dev", "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
}

// servicePolicy is the program that Debian's packages ask before they start a
// service. The services of what is installed here are not wanted.
const servicePolicy = "/usr/sbin/policy-rc.d"

// install installs the packages that are absent.
func (t *tools) install(ctx context.Context) (err error) {
	var missing []string
	for pattern, name := range packages {
		if found, _ := filepath.Glob(pattern); len(found) == 0 { // the patterns are well formed
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	t.say("install %s", strings.Join(missing, " "))
	if _, err := os.Stat(servicePolicy); err != nil {
		if err := os.WriteFile(servicePolicy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Remove(servicePolicy)) }()
	}
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	if _, err := run(ctx, "", env, "apt-get", "update"); err != nil {
		return err
	}
	_, err = run(ctx, "", env, "apt-get", append([]string{"install", "--yes", "--no-install-recommends"}, missing...)...)
	return err
}
