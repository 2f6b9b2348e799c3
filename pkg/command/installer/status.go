package installer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/command"
)

// statusTimeout bounds each look at somebody who may not answer.
const statusTimeout = time.Minute

// Status is the result of status with --output json.
type Status struct {
	Name     string            `json:"name"`               // "ci"
	Healthy  bool              `json:"healthy"`            // nothing below is out of order
	Versions map[string]string `json:"versions"`           // of the components deployed last
	Verified bool              `json:"verified"`           // they were seen to run
	Director Service           `json:"director"`           // the director
	Web      Service           `json:"concourse"`          // the web
	Tasks    []string          `json:"tasks,omitempty"`    // under way on the director: "12 processing create deployment"
	VMs      []Member          `json:"vms,omitempty"`      // of the deployment
	Workers  []Member          `json:"workers,omitempty"`  // registered with the web
	Paused   *PausedPipelines  `json:"paused,omitempty"`   // by a quiet upgrade
	Lease    *LeaseHolder      `json:"lease,omitempty"`    // of the run that is under way
	Problems []string          `json:"problems,omitempty"` // what is out of order
}

// Service is something that answers or does not.
type Service struct {
	URL     string `json:"url"`               // "https://ci.example.com"
	State   string `json:"state"`             // "running", "no answer", "not there"
	Version string `json:"version,omitempty"` // "8.2.5"
	Error   string `json:"error,omitempty"`   // why there is no answer
}

// Member is a VM or a worker.
type Member struct {
	Name    string `json:"name"`              // "web/0"
	State   string `json:"state"`             // "running"
	Version string `json:"version,omitempty"` // of a worker
}

// runStatus looks at an installation.
func runStatus(ctx context.Context, c *command.Call) error {
	var g statusGrammar
	_, set, help, err := parse(c, "status", aboutStatus, &g, true, false)
	if err != nil || help {
		return err
	}
	g.Quiet = true // the result says all
	s, err := openToLook(ctx, c, g.common, set, true)
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
	status := Status{
		Name: info.Name, Versions: info.Versions, Verified: info.Verified,
		Director: Service{URL: info.Director, State: "not there"}, Web: Service{URL: info.URL, State: "not there"},
		Problems: info.State,
	}
	status.lookForLease(ctx, i)
	if info.Director != "" {
		status.look("director", &status.Director, func() error { return status.director(ctx, i, info) })
	}
	if info.Web.URL != "" {
		status.look("Concourse", &status.Web, func() error { return status.web(ctx, i, info) })
	}
	if info.Director != "" {
		status.lookForPaused(ctx, s, info)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	status.judge()
	s.display.Close()
	if s.flags.Output == "json" {
		return s.printObject(status)
	}
	return s.print(status.text())
}

// look asks somebody, and notes when there is no answer.
func (s *Status) look(name string, service *Service, ask func() error) {
	service.State = "running"
	if err := ask(); err != nil {
		service.State, service.Error = "no answer", err.Error()
		s.Problems = append(s.Problems, name+" does not answer: "+err.Error())
	}
}

// director asks the director for what is under way and for the VMs.
func (s *Status) director(ctx context.Context, i *bootstrap.Installation, info bootstrap.Info) error {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	d, done, err := i.Director(info.Access)
	if err != nil {
		return err
	}
	defer done()
	tasks, err := d.Tasks(ctx, bosh.TaskFilter{States: []string{bosh.StateQueued, bosh.StateProcessing, bosh.StateCancelling}})
	if err != nil {
		return err
	}
	for _, t := range tasks {
		s.Tasks = append(s.Tasks, fmt.Sprintf("%d %s %s", t.ID, t.State, t.Description))
	}
	list, err := d.Instances(ctx, info.Deployment)
	if errors.Is(err, bosh.ErrNotFound) {
		return nil
	}
	for _, in := range list {
		state := in.State
		if state == "" {
			state = "no VM"
		}
		s.VMs = append(s.VMs, Member{Name: fmt.Sprintf("%s/%d", in.Group, in.Index), State: state})
	}
	return err
}

// web asks the Concourse API.
func (s *Status) web(ctx context.Context, i *bootstrap.Installation, info bootstrap.Info) error {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	atc, err := i.ATC(info.Web)
	if err != nil {
		return err
	}
	about, err := atc.Info(ctx)
	if err != nil {
		return err
	}
	s.Web.Version = about.Version
	workers, err := atc.Workers(ctx)
	for _, w := range workers {
		s.Workers = append(s.Workers, Member{w.Name, w.State, w.Version})
	}
	slices.SortFunc(s.Workers, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return err
}

// judge finds what is out of order.
func (s *Status) judge() {
	for _, vm := range s.VMs {
		if vm.State != "running" {
			s.Problems = append(s.Problems, fmt.Sprintf("VM %s: %s", vm.Name, vm.State))
		}
	}
	running := 0
	for _, w := range s.Workers {
		if w.State == "running" {
			running++
		}
	}
	if s.Web.State == "running" && running == 0 {
		s.Problems = append(s.Problems, "no worker is running")
	}
	if wanted := s.Versions["concourse"]; wanted != "" && s.Web.Version != "" && s.Web.Version != wanted {
		s.Problems = append(s.Problems, fmt.Sprintf("Concourse is %s, wanted is %s", s.Web.Version, wanted))
	}
	if s.Paused != nil && !s.Paused.Awaited {
		s.Problems = append(s.Problems, s.Paused.problem(s.Name))
	}
	if s.Lease != nil && s.Lease.Stale {
		s.Problems = append(s.Problems, s.Lease.text(s.Name))
	}
	s.Healthy = len(s.Problems) == 0 && s.Director.State == "running" && s.Web.State == "running"
}

// text is the status for people.
func (s Status) text() string {
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
		fmt.Fprintf(&b, "\n%s\n", s.Lease.text(s.Name))
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
