// Package status looks at an installation: its director, its web node and workers, the run
// that is under way, what a quiet upgrade has paused, and what of that is out of order.
package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// patience bounds each look at somebody who may not answer.
const patience = time.Minute

// Status is what there is of an installation, as status --output json prints it.
type Status struct {
	Name     string            `json:"name"`               // "ci"
	Healthy  bool              `json:"healthy"`            // nothing below is out of order
	Versions map[string]string `json:"versions"`           // of the components deployed last
	Verified bool              `json:"verified"`           // they were seen to run
	Director Service           `json:"director"`           // the director
	Web      Service           `json:"concourse"`          // the web node
	Tasks    []string          `json:"tasks,omitempty"`    // under way on the director: "12 processing create deployment"
	VMs      []Member          `json:"vms,omitempty"`      // of the deployment
	Workers  []Member          `json:"workers,omitempty"`  // registered with the web node
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

// Look asks everybody, as far as what the state says of the installation leads to them. Who
// does not answer is in the status; it fails only when ctx ends.
func Look(ctx context.Context, i *bootstrap.Installation, info bootstrap.Info, now func() time.Time) (Status, error) {
	s := Status{
		Name: info.Name, Versions: info.Versions, Verified: info.Verified,
		Director: Service{URL: info.Director, State: "not there"}, Web: Service{URL: info.URL, State: "not there"},
		Problems: info.State,
	}
	s.lookForLease(ctx, i)
	if info.Director != "" {
		s.look("director", &s.Director, func() error { return s.director(ctx, i, info) })
	}
	if info.Web.URL != "" {
		s.look("Concourse", &s.Web, func() error { return s.web(ctx, i, info) })
	}
	if info.Director != "" {
		s.lookForPaused(ctx, i, info, now)
	}
	if ctx.Err() != nil {
		return s, context.Cause(ctx)
	}
	s.judge()
	return s, nil
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
	ctx, cancel := context.WithTimeout(ctx, patience)
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
	ctx, cancel := context.WithTimeout(ctx, patience)
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
		s.Problems = append(s.Problems, s.Lease.Text(s.Name))
	}
	s.Healthy = len(s.Problems) == 0 && s.Director.State == "running" && s.Web.State == "running"
}
