// Package serve runs the simulators until it is stopped, for people who try
// pipelines and params without a Concourse, a director or an account.
package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// The sets that are offered: real versions of 2026.
var (
	first = world.Set{Concourse: "8.2.4", BPM: "1.4.33", Postgres: "54.0.5", Stemcell: "1.1340", Perpetual: "1.2.0"}
	newer = world.Set{Concourse: "8.3.0", Stemcell: "1.1364", Perpetual: "1.3.0"}
)

// Options say what is served.
type Options struct {
	PublishAfter time.Duration // when the newer set appears; 0: never
	Out          io.Writer     // gets the variables, as YAML, once everything listens
	Err          io.Writer     // gets what happens, one line each
}

// Run serves until ctx ends, which is no error.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "perpetual-sandbox-")
	if err != nil {
		return fmt.Errorf("make a directory for the CA: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say := func(who, what string) { _, _ = fmt.Fprintf(o.Err, "%s: %s\n", who, what) }
	w, err := world.Start(ctx, world.Options{Observe: say})
	if err != nil {
		return fmt.Errorf("start the simulators: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.History(); err != nil {
		return fmt.Errorf("load the upstreams' past: %w", err)
	}
	w.Publish(first)
	text, err := describe(w, dir)
	if err != nil {
		return err
	}
	if _, err := o.Out.Write(text); err != nil {
		return fmt.Errorf("write the variables: %w", err)
	}
	var publish <-chan time.Time
	if o.PublishAfter > 0 {
		timer := time.NewTimer(o.PublishAfter)
		defer timer.Stop()
		publish = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-publish:
			w.Publish(newer)
			say("upstreams", fmt.Sprintf("Concourse %s, stemcell %s and Perpetual %s appear", newer.Concourse, newer.Stemcell, newer.Perpetual))
		}
	}
}

// describe writes the CA and a cloud config into dir, and gives the variables
// for the bundled pipeline and for a first deploy of the bundled manifest.
func describe(w *world.World, dir string) ([]byte, error) {
	files := map[string]string{"ca.pem": w.CA, "cloud-config.yml": world.CloudConfig}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	vars := w.PipelineVars()
	maps.Copy(vars, w.ManifestVars())
	for name, value := range w.Credentials() {
		vars[name] = value
	}
	asYAML, err := yaml.Marshal(vars)
	if err != nil {
		return nil, fmt.Errorf("encode the variables: %w", err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Simulators of GitHub, bosh.io, a BOSH director with its UAA, and Concourse, until interrupted.\n")
	for _, name := range []string{"github", "boshio", "director", "uaa", "concourse"} {
		fmt.Fprintf(&out, "# %-13s%s\n", name+":", w.URLs[name])
	}
	fmt.Fprintf(&out, "# %-13s%s\n# %-13s%s\n", "CA:", filepath.Join(dir, "ca.pem"), "cloud config:", filepath.Join(dir, "cloud-config.yml"))
	out.Write(asYAML)
	out.WriteString("# Ready.\n")
	return out.Bytes(), nil
}
