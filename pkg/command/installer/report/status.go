package report

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/perpetual-ci/perpetual/pkg/status"
)

// Status is the status for people.
func Status(s status.Status) string {
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
