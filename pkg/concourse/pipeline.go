package concourse

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/concourse/concourse/atc"
	api "github.com/concourse/concourse/go-concourse/concourse"
	"sigs.k8s.io/yaml"
)

// Pipeline names a pipeline of the client's team, or of another one where a method
// takes the team.
type Pipeline struct {
	Name         string         // self-upgrade
	InstanceVars map[string]any // {environment: production}; nil for a pipeline that is no instance
}

// String names the pipeline as fly prints it: self-upgrade/environment:production.
func (p Pipeline) String() string {
	ref := atc.PipelineRef{Name: p.Name}
	if len(p.InstanceVars) > 0 {
		ref.InstanceVars = p.InstanceVars
	}
	return oneLine(ref.String())
}

// ref is the pipeline as the library names it.
func (p Pipeline) ref() (atc.PipelineRef, error) {
	if p.Name == "" || strings.ContainsAny(p.Name, "/?#") {
		return atc.PipelineRef{}, fmt.Errorf("name the pipeline: %q is empty or has one of / ? # in it", p.Name)
	}
	ref := atc.PipelineRef{Name: p.Name}
	if len(p.InstanceVars) > 0 {
		ref.InstanceVars = p.InstanceVars
	}
	return ref, nil
}

// PipelineConfig is what Concourse holds under a pipeline's name.
type PipelineConfig struct {
	YAML    []byte // resources and types sorted by name, as Concourse gives them
	Version string // config version: 14; every set makes a new one
	Paused  bool
	Exists  bool // false also for an archived pipeline; all else is then empty
}

// PipelineChange says what setting a pipeline changes. Neither Created nor
// Updated: it is there already as it should be.
type PipelineChange struct {
	Created, Updated bool
	Diff             []DiffLine // credentials hidden
}

// PipelineConfig reads a pipeline. A missing pipeline is no error. It fails with
// ErrLogin, ErrNoTeam, *StatusError, a transport error, or the context's error.
func (c *Client) PipelineConfig(ctx context.Context, p Pipeline) (PipelineConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	doing := "read pipeline " + p.String()
	ref, err := p.ref()
	if err != nil {
		return PipelineConfig{}, err
	}
	have, err := c.read(ctx, ref)
	if err != nil || !have.exists {
		return PipelineConfig{}, c.explainIf(doing, err)
	}
	text, err := yaml.Marshal(have.config)
	if err != nil {
		return PipelineConfig{}, c.explain(doing, err)
	}
	detail, found, err := c.lookup(ctx).Pipeline(ref)
	if err != nil || !found {
		return PipelineConfig{}, c.explainIf(doing, err)
	}
	return PipelineConfig{YAML: text, Version: have.version, Paused: detail.Paused, Exists: true}, nil
}

// DiffPipeline says what SetPipeline would change, and changes nothing. text is
// a pipeline as fly takes it; ((vars)) that Concourse is to resolve stay as they
// are. Besides PipelineConfig's errors it fails when text is no pipeline.
func (c *Client) DiffPipeline(ctx context.Context, p Pipeline, text []byte) (PipelineChange, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s, err := c.compare(ctx, p, text)
	return s.change, err
}

// SetPipeline makes the pipeline be what text says, when it is not already: even
// an identical config would become a new config version. An existing pipeline
// keeps its pause state, a new one is created paused. Besides DiffPipeline's
// errors it fails with *InvalidError, and with *ConflictError when somebody else
// changes the pipeline at the same time.
func (c *Client) SetPipeline(ctx context.Context, p Pipeline, text []byte) (PipelineChange, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s, err := c.compare(ctx, p, text)
	if err != nil || !s.change.Created && !s.change.Updated {
		return s.change, err
	}
	change, err := s.send(ctx)
	return change, c.explainIf("set pipeline "+p.String(), err)
}

// compare reads what is there and says how text differs from it.
func (c *Client) compare(ctx context.Context, p Pipeline, text []byte) (setting, error) {
	ref, err := p.ref()
	if err != nil {
		return setting{}, err
	}
	want, err := parsePipeline(text)
	if err != nil {
		return setting{}, fmt.Errorf("parse pipeline %s: %s", p, c.clean(oneLine(err.Error())))
	}
	have, err := c.read(ctx, ref)
	if err != nil {
		return setting{}, c.explain("read pipeline "+p.String(), err)
	}
	if want.unknown != "" {
		c.notify(c.clean(fmt.Sprintf("pipeline %s: Perpetual does not know everything in it (%s) and leaves the judgement to Concourse: "+
			"it is set even if nothing changed", p, want.unknown)))
	}
	s := setting{client: c, ref: ref, text: text, have: have, want: want}
	if !have.same(want) {
		s.change = PipelineChange{Created: !have.exists, Updated: have.exists, Diff: diff(have, want)}
	}
	return s, nil
}

// setting is one pipeline on its way to Concourse.
type setting struct {
	client *Client
	ref    atc.PipelineRef
	text   []byte
	have   snapshot // what was there when text was compared
	want   snapshot // what text says
	change PipelineChange
}

// send sends the pipeline on top of what was read. When somebody was faster, it
// reads once more and goes on only if that makes no difference; when the reply
// was lost, it looks whether the pipeline arrived instead of sending it again.
func (s *setting) send(ctx context.Context) (PipelineChange, error) {
	created, err := s.save(ctx, s.have)
	stale, lost := isStale(err), isLost(err)
	if !stale && !lost {
		return s.done(created, err)
	}
	now, readErr := s.client.read(ctx, s.ref)
	switch {
	case readErr != nil:
		return PipelineChange{}, fmt.Errorf("%w; whether it is set is not known: run again", err)
	case now.same(s.want) && lost:
		return s.change, nil
	case now.same(s.want):
		return PipelineChange{}, nil // somebody else set the very same
	case lost:
		return PipelineChange{}, fmt.Errorf("%w; it was not set as far as Concourse tells now: run again", err)
	case !now.same(s.have):
		return PipelineChange{}, s.conflict(now)
	}
	created, err = s.save(ctx, now)
	if isStale(err) {
		return PipelineChange{}, s.conflict(now)
	}
	return s.done(created, err)
}

func (s *setting) done(created bool, err error) (PipelineChange, error) {
	if err != nil {
		return PipelineChange{}, err
	}
	return PipelineChange{Created: created, Updated: !created, Diff: s.change.Diff}, nil
}

func (s *setting) conflict(now snapshot) error {
	lines := diff(s.have, now)
	return &ConflictError{
		Pipeline: s.ref.String(), Read: s.have.version, Now: now.version, Changed: headings(lines), Diff: lines,
	}
}

// save sends the pipeline once, for the config version of on.
func (s *setting) save(ctx context.Context, on snapshot) (created bool, err error) {
	over := &call{ctx: ctx, client: s.client, login: true, pass: func(status int) bool { return status == http.StatusBadRequest }}
	created, _, warnings, err := s.client.api(over).Team(s.client.team).
		CreateOrUpdatePipelineConfig(s.ref, on.version, s.text, false)
	for _, w := range warnings {
		s.client.notify(s.client.clean(fmt.Sprintf("pipeline %s: %s: %s", oneLine(s.ref.String()), w.Type, oneLine(w.Message))))
	}
	return created, plain(err)
}

// read gets the config of a pipeline. Only a 404 costs a second request, which
// tells a missing pipeline from a missing team.
func (c *Client) read(ctx context.Context, ref atc.PipelineRef) (snapshot, error) {
	config, version, found, err := c.lookup(ctx).PipelineConfig(ref)
	if err != nil {
		return snapshot{}, plain(err)
	}
	if found {
		return newSnapshot(config, version)
	}
	_, err = c.api(&call{ctx: ctx, client: c, login: true}).FindTeam(c.team)
	if statusOf(err) == http.StatusNotFound {
		err = fmt.Errorf("%w: %s", ErrNoTeam, c.team)
	}
	return snapshot{}, plain(err)
}

// lookup is the team of the client, for calls to which a 404 is an answer.
func (c *Client) lookup(ctx context.Context) api.Team {
	over := &call{ctx: ctx, client: c, login: true, pass: func(status int) bool { return status == http.StatusNotFound }}
	return c.api(over).Team(c.team)
}

// explainIf is explain for an error that may be nil.
func (c *Client) explainIf(doing string, err error) error {
	if err == nil {
		return nil
	}
	return c.explain(doing, err)
}
