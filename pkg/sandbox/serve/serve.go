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
	Install      bool          // an AWS account with nothing in it, instead of a director and Concourse
	Listen       string        // IP address of this machine; empty: 127.0.0.1
	PublishAfter time.Duration // when the newer set appears; 0: never
	Out          io.Writer     // gets the variables, as YAML or of Install as exports, once everything listens
	Err          io.Writer     // gets what happens, one line each
}

// Run serves until ctx ends, which is not an error.
func Run(ctx context.Context, o Options) (err error) {
	listen, err := o.listen()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "perpetual-sandbox-")
	if err != nil {
		return fmt.Errorf("make a directory for the CA: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say := func(who, what string) { _, _ = fmt.Fprintf(o.Err, "%s: %s\n", who, what) }
	start := startWorld
	if o.Install {
		start = startSite
	}
	if !listen.IsLoopback() {
		say("sandbox", fmt.Sprintf("everybody who reaches %s can use these servers: their passwords are published with the program", listen))
	}
	w, text, stop, err := start(ctx, dir, listen.String(), say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if _, err := o.Out.Write(text); err != nil {
		return fmt.Errorf("write the variables: %w", err)
	}
	publishLater(ctx, w, o.PublishAfter, say)
	return nil
}

// publishLater lets the newer set appear after a while, if it shall, and waits for
// the end of ctx.
func publishLater(ctx context.Context, w *world.World, after time.Duration, say observer) {
	var publish <-chan time.Time
	if after > 0 {
		timer := time.NewTimer(after)
		defer timer.Stop()
		publish = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-publish:
			w.Publish(newer)
			say("upstreams", fmt.Sprintf("Concourse %s, stemcell %s and Perpetual %s appear", newer.Concourse, newer.Stemcell, newer.Perpetual))
		}
	}
}

// observer gets what happens.
type observer func(who, what string)

// startWorld starts a world with a director and Concourse, and gives the variables
// for them.
func startWorld(ctx context.Context, dir, listen string, say observer) (w *world.World, text []byte, stop func() error, err error) {
	if w, err = world.Start(ctx, world.Options{Listen: listen, Observe: say}); err != nil {
		return nil, nil, nil, fmt.Errorf("start the simulators: %w", err)
	}
	if err := w.History(); err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("load the upstreams' past: %w", err), w.Close())
	}
	w.Publish(first)
	// The web says that it is of the set that is offered, as after a deploy of it.
	w.Concourse.SetVersion(first.Concourse, "2.5")
	if text, err = describe(w, dir); err != nil {
		return nil, nil, nil, errors.Join(err, w.Close())
	}
	return w, text, w.Close, nil
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
	for _, name := range []string{"github", "boshio", "boshio-tls", "director", "uaa", "concourse"} {
		fmt.Fprintf(&out, "# %-13s%s\n", name+":", w.URLs[name])
	}
	fmt.Fprintf(&out, "# %-13s%s\n# %-13s%s\n", "CA:", filepath.Join(dir, "ca.pem"), "cloud config:", filepath.Join(dir, "cloud-config.yml"))
	out.Write(asYAML)
	out.WriteString("# Ready.\n")
	return out.Bytes(), nil
}
