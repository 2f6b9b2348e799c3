package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
)

// arguments watches the arguments of all processes of the machine, which every
// user of it can read.
type arguments struct {
	mu   sync.Mutex
	seen map[string]bool // by command line
}

// watch looks until ctx ends.
func (a *arguments) watch(ctx context.Context) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		paths, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well formed
		for _, path := range paths {
			line, err := os.ReadFile(path)
			if err != nil {
				continue // it has just ended
			}
			a.mu.Lock()
			if a.seen == nil {
				a.seen = map[string]bool{}
			}
			a.seen[strings.ReplaceAll(string(line), "\x00", " ")] = true
			a.mu.Unlock()
		}
	}
}

func (a *arguments) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var b strings.Builder
	for line := range a.seen {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// place is somewhere that people can look, with something that must be there,
// or the look has found nothing at all.
type place struct {
	name, text, known string
}

// expectNoSecret wants no credential of the site in any of the places.
func (s *stage) expectNoSecret(places []place) {
	for _, p := range places {
		var found []string
		for name, value := range s.secrets.values() {
			if strings.Contains(p.text, value) {
				found = append(found, name)
			}
		}
		s.expect(len(found) == 0, "no credential in "+p.name, "found %s", strings.Join(found, ", "))
		s.expect(strings.Contains(p.text, p.known), "there was something to look at in "+p.name, "%d bytes, and no %q", len(p.text), p.known)
	}
}

// places are the logs, the events, the metadata and the config, as the
// operator and, for the config, a viewer sees them.
func (s *stage) places(ctx context.Context) ([]place, error) {
	var logs, events, metadata strings.Builder
	for _, b := range s.record.all() {
		logs.WriteString(b.log())
		for _, h := range b.events {
			events.WriteString(h.raw + "\n")
		}
	}
	for _, resource := range []string{"components", "deployment", "finished-deployment"} {
		versions, err := s.api.versions(ctx, pipelineName, resource)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(versions)
		if err != nil {
			return nil, err
		}
		metadata.Write(text)
	}
	seen, err := newAPI(s.web.url(), viewerUser, viewerPassword).config(ctx, pipelineName)
	if err != nil {
		return nil, fmt.Errorf("as a viewer: %w", err)
	}
	text, err := json.Marshal(seen.Config)
	if err != nil {
		return nil, err
	}
	return []place{
		{"build logs", logs.String(), "the director has accepted it as task"},
		{"build events", events.String(), `"selected_worker"`},
		{"resource metadata", metadata.String(), `"task"`},
		{"the pipeline that a viewer gets", string(text), "((atc_password))"},
	}, nil
}

// playSecrets plays scenario 9, on a site where Concourse itself hides nothing.
func playSecrets(ctx context.Context, s *stage) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := &arguments{}
	s.background.Go(func() { watched.watch(ctx) })
	if err := s.settle(ctx); err != nil {
		return err
	}
	r, err := s.carryThrough(ctx, s.newSet(), "2")
	if err != nil {
		return err
	}
	s.expectUpgrade(ctx, r)
	if err := s.failChecks(ctx); err != nil {
		return err
	}
	places, err := s.places(ctx)
	if err != nil {
		return err
	}
	places[0].known = "rate limit" // of the check that failed
	s.expectNoSecret(append(places, place{"process arguments", watched.text(), "/opt/resource/out"}))
	return nil
}

// failChecks makes both kinds of checks fail once: errors tell much.
func (s *stage) failChecks(ctx context.Context) error {
	since := time.Now()
	s.world.github.SetLimit(&github.Limit{Status: http.StatusForbidden, Reset: since.Add(time.Hour)})
	up := s.world.director.Down(director.BadGateway)
	defer func() {
		up()
		s.world.github.SetLimit(nil)
	}()
	if err := s.passTime(ctx); err != nil {
		return err
	}
	for _, resource := range []string{"components", "finished-deployment"} {
		err := eventually(ctx, patience, "a failing check of "+resource, func(context.Context) error {
			for _, b := range s.record.all() {
				if b.ResourceName == resource && b.ended.After(since) && b.Status == "failed" {
					return nil
				}
			}
			return errNotYet
		})
		s.expect(err == nil, "a check of "+resource+" failed", "%v", err)
	}
	return nil
}
