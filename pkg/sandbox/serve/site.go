package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// resourceStep is how long a resource of the stack takes to begin, and again to end.
const resourceStep = 50 * time.Millisecond

// startSite starts an account with nothing in it, writes a perpetual.yml into dir, and
// gives the environment in which the program perpetual takes it for AWS.
func startSite(ctx context.Context, dir, _ string, say observer) (w *world.World, text []byte, stop func() error, err error) {
	s, err := site.Start(ctx, dir, site.Options{Step: resourceStep, Observe: say})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("start the simulators: %w", err)
	}
	if err := errors.Join(s.History(), s.WriteFiles(dir, nil)); err != nil {
		return nil, nil, nil, errors.Join(err, s.Close())
	}
	s.Publish(first)
	return s.World, exports(s, dir), s.Close, nil
}

// exports is the environment for a shell.
func exports(s *site.Site, dir string) []byte {
	env := s.Env()
	env["PERPETUAL_CONFIG"] = filepath.Join(dir, "perpetual.yml")
	env["PATH"] = env["PATH"][:strings.Index(env["PATH"], ":")] + ":$PATH"
	var out bytes.Buffer
	out.WriteString("# Simulators of AWS, GitHub and bosh.io, until interrupted. Paste this into another shell, then: bin/perpetual deploy\n")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&out, "export %s=\"%s\"\n", name, env[name])
	}
	out.WriteString("# Ready.\n")
	return out.Bytes()
}
