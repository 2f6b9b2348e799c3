package installer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/grammar"
	"github.com/perpetual-ci/perpetual/pkg/status"
)

// runStatus looks at an installation.
func runStatus(ctx context.Context, c *command.Call) error {
	var g grammar.Status
	_, set, help, err := grammar.Parse(c, "status", aboutStatus, &g, true, false)
	if err != nil || help {
		return err
	}
	g.Quiet = true // the result says all
	s, err := openToLook(ctx, c, g.Common, set, true)
	if err != nil {
		return err
	}
	defer s.close()
	i := s.installation(ctx)
	info, err := i.Info(ctx, false)
	if errors.Is(err, bootstrap.ErrNotFound) {
		return s.missing(err)
	}
	if err != nil {
		return err
	}
	found, err := status.Look(ctx, i, info, now)
	if err != nil {
		return err
	}
	s.display.Close()
	if s.flags.Output == "json" {
		return s.printObject(found)
	}
	return s.print(statusText(found))
}

// statusText is the status for people.
func statusText(s status.Status) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("WHAT", "STATE", "VERSION", "WHERE")
	row("director", s.Director.State, s.Director.Version, s.Director.URL)
	row("concourse", s.Web.State, s.Web.Version, s.Web.URL)
	for _, vm := range s.VMs {
		row("vm "+vm.Name, vm.State, "", "")
	}
	for _, worker := range s.Workers {
		row("worker "+worker.Name, worker.State, worker.Version, "")
	}
	_ = w.Flush()
	for _, t := range s.Tasks {
		fmt.Fprintf(&b, "\ndirector task %s\n", t)
	}
	if s.Lease != nil && !s.Lease.Stale {
		fmt.Fprintf(&b, "\n%s\n", s.Lease.Text(s.Name))
	}
	if s.Paused != nil && s.Paused.Awaited {
		fmt.Fprintf(&b, "\n%s\n", s.Paused)
	}
	if s.Healthy {
		fmt.Fprintf(&b, "\n%s is healthy.\n", s.Name)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "\n! %s\n", p)
	}
	return trimmed(b.String())
}
