package pause_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/pause"
)

// us is the Concourse user as whom pipelines are paused.
const us = "perpetual"

// errKilled is what all calls of a run give after its process was killed.
var errKilled = errors.New("killed")

// web is a Concourse with pipelines, as pkg/concourse shows it. Pausing what is
// paused changes nothing, not even who has paused it (atc/db/pipeline.go).
type web struct {
	pipelines []concourse.PipelineState
	builds    []concourse.Build
	user      concourse.User
	silent    bool // it does not say who has paused a pipeline, as until 7.4.0

	now    int64 // seconds
	nextID int
	calls  []string
	// step is called before and after each call takes effect; its error is the
	// call's.
	step func(call string, after bool) error
}

// newWeb has pipelines of several teams: names that begin with "paused" are.
func newWeb(names ...string) *web {
	w := &web{user: concourse.User{Name: us, Admin: true, Teams: map[string][]string{"main": {"owner"}}}, now: 1_787_659_200, nextID: 11}
	for _, name := range names {
		w.add(name)
	}
	return w
}

// add makes a pipeline: main/app, or main/app/env=production.
func (w *web) add(name string) *concourse.PipelineState {
	parts := strings.Split(name, "/")
	p := concourse.PipelineState{ID: w.nextID, Team: parts[0], Pipeline: concourse.Pipeline{Name: parts[1]}}
	if len(parts) > 2 {
		key, value, _ := strings.Cut(parts[2], "=")
		p.InstanceVars = map[string]any{key: value}
	}
	w.nextID++
	w.pipelines = append(w.pipelines, p)
	if strings.HasPrefix(parts[1], "paused") {
		w.pause(p.ID, "ada")
	}
	return &w.pipelines[len(w.pipelines)-1]
}

func (w *web) byID(id int) *concourse.PipelineState {
	for i := range w.pipelines {
		if w.pipelines[i].ID == id {
			return &w.pipelines[i]
		}
	}
	return nil
}

func (w *web) id(name string) int {
	for _, p := range w.pipelines {
		if p.Team+"/"+p.Name == name {
			return p.ID
		}
	}
	return 0
}

// pause pauses a pipeline, and says whether that changes anything.
func (w *web) pause(id int, by string) bool {
	w.now++
	p := w.byID(id)
	if p == nil || p.Paused {
		return false
	}
	p.Paused = true
	if !w.silent {
		p.PausedBy, p.PausedAt = by, time.Unix(w.now, 0).UTC()
	}
	return true
}

func (w *web) unpause(id int) bool {
	w.now++
	p := w.byID(id)
	if p == nil || !p.Paused {
		return false
	}
	p.Paused, p.PausedBy, p.PausedAt = false, "", time.Time{}
	return true
}

// paused lists the pipelines that are.
func (w *web) paused() string {
	list := []string{}
	for _, p := range w.pipelines {
		if p.Paused {
			list = append(list, p.Team+"/"+p.Name)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// called counts the calls that begin so.
func (w *web) called(prefix string) (n int) {
	for _, call := range w.calls {
		if strings.HasPrefix(call, prefix) {
			n++
		}
	}
	return n
}

// do is one call.
func (w *web) do(ctx context.Context, call string, effect func() error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if w.step != nil {
		if err := w.step(call, false); err != nil {
			return err
		}
	}
	w.calls = append(w.calls, call)
	err := effect()
	if w.step != nil {
		return errors.Join(err, w.step(call, true))
	}
	return err
}

// User implements pause.ATC.
func (w *web) User(ctx context.Context) (user concourse.User, err error) {
	err = w.do(ctx, "user", func() error { user = w.user; return nil })
	return user, err
}

// Pipelines implements pause.ATC.
func (w *web) Pipelines(ctx context.Context) (list []concourse.PipelineState, err error) {
	err = w.do(ctx, "pipelines", func() error { list = slices.Clone(w.pipelines); return nil })
	return list, err
}

// find finds a pipeline by its present name.
func (w *web) find(team string, p concourse.Pipeline) (int, error) {
	for _, have := range w.pipelines {
		if have.Team == team && have.Name == p.Name && fmt.Sprint(have.InstanceVars) == fmt.Sprint(p.InstanceVars) {
			return have.ID, nil
		}
	}
	return 0, fmt.Errorf("find %s: %w", p.Name, concourse.ErrNoPipeline)
}

// PausePipeline implements pause.ATC.
func (w *web) PausePipeline(ctx context.Context, team string, p concourse.Pipeline) error {
	return w.do(ctx, "pause "+team+"/"+p.Name, func() error {
		id, err := w.find(team, p)
		w.pause(id, w.user.Name)
		return err
	})
}

// UnpausePipeline implements pause.ATC.
func (w *web) UnpausePipeline(ctx context.Context, team string, p concourse.Pipeline) error {
	return w.do(ctx, "unpause "+team+"/"+p.Name, func() error {
		id, err := w.find(team, p)
		w.unpause(id)
		return err
	})
}

// StartedBuilds implements pause.ATC.
func (w *web) StartedBuilds(ctx context.Context) (list []concourse.Build, err error) {
	err = w.do(ctx, "builds", func() error { list = slices.Clone(w.builds); return nil })
	return list, err
}

// configs are a director's configs. As on a real one the expected id is compared
// before, and not while, a version is written; StoreConfig, like that of
// pkg/bosh, looks afterwards who has won.
type configs struct {
	versions []bosh.ConfigVersion
	step     func(call string, after bool) error
	// rival writes something between the comparison and the write.
	rival func()
}

// Configs implements pause.Configs.
func (c *configs) Configs(_ context.Context, kind, name string) ([]bosh.ConfigVersion, error) {
	if err := c.at("configs", false); err != nil {
		return nil, err
	}
	if kind != "perpetual" || len(c.versions) == 0 || c.versions[0].Name != name {
		return nil, c.at("configs", true)
	}
	return c.versions[len(c.versions)-1:], c.at("configs", true)
}

// StoreConfig implements pause.Configs.
func (c *configs) StoreConfig(_ context.Context, kind, name, content, expected string) (bosh.ConfigVersion, error) {
	if err := c.at("store", false); err != nil {
		return bosh.ConfigVersion{}, err
	}
	if id, _ := strconv.Atoi(expected); c.latest() == strconv.Itoa(id+1) && c.versions[len(c.versions)-1].Content == content {
		return c.versions[len(c.versions)-1], nil // it is a repetition
	}
	if c.latest() != expected {
		return bosh.ConfigVersion{}, bosh.ErrConfigChanged
	}
	if rival := c.rival; rival != nil {
		c.rival = nil
		rival()
	}
	if c.latest() != expected {
		return bosh.ConfigVersion{}, bosh.ErrConfigChanged
	}
	id, _ := strconv.Atoi(expected)
	v := bosh.ConfigVersion{ID: strconv.Itoa(id + 1), Type: kind, Name: name, Content: content}
	c.versions = append(c.versions, v)
	return v, c.at("store", true)
}

func (c *configs) latest() string {
	if len(c.versions) == 0 {
		return "0"
	}
	return c.versions[len(c.versions)-1].ID
}

func (c *configs) at(call string, after bool) error {
	if c.step == nil {
		return nil
	}
	return c.step(call, after)
}

// own is the build that pauses.
var own = pause.Own{Team: "main", Pipeline: "self-upgrade", Job: "upgrade", Name: "12", BuildID: 4711}

// site is a Concourse with a director that keeps the list.
type site struct {
	*web
	*configs
	log strings.Builder
}

func newSite(names ...string) *site {
	return &site{web: newWeb(append(names, "main/self-upgrade")...), configs: &configs{}}
}

// run is a process that pauses.
func (s *site) run() pause.Pause {
	return pause.Pause{ATC: s.web, Keeper: pause.InDirector(s.configs, "concourse"), Deployment: "concourse", Own: own, Log: &s.log}
}

// begin begins, which must succeed.
func (s *site) begin(t *testing.T) {
	t.Helper()
	if err := s.run().Begin(t.Context(), "8.2.5", "8.3.0"); err != nil {
		t.Fatal(err)
	}
}

// end ends, which must succeed.
func (s *site) end(t *testing.T) pause.Report {
	t.Helper()
	report, err := s.run().End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if list, found, err := s.run().Look(t.Context()); err != nil || found || len(list.Pipelines) > 0 {
		t.Errorf("after End the list is %+v, %t, %v", list, found, err)
	}
	return report
}

// list is what is written down.
func (s *site) list(t *testing.T) pause.List {
	t.Helper()
	list, _, err := s.run().Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// wantPaused wants exactly these pipelines paused.
func (s *site) wantPaused(t *testing.T, want string) {
	t.Helper()
	if got := s.paused(); got != want {
		t.Errorf("paused are %q, want %q\n%s", got, want, s.log.String())
	}
}

// says wants the log to hold all parts.
func (s *site) says(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("the log does not say %q:\n%s", part, s.log.String())
		}
	}
}

// states wants an error that says all parts in one line.
func states(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %v", err)
	}
}

var _ pause.ATC = (*concourse.Client)(nil)
