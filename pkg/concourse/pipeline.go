package concourse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/concourse/concourse/atc"
	api "github.com/concourse/concourse/go-concourse/concourse"

	"github.com/perpetual-ci/perpetual/pkg/concourse/config"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
)

// DiffLine is one line of a pipeline's diff.
type DiffLine = config.Line

// Pipeline names a pipeline of the client's team, or of another one where a method
// takes the team.
type Pipeline struct {
	Name         string         // self-upgrade
	InstanceVars map[string]any // {environment: production}; nil for a pipeline that is not an instance
}

// String names the pipeline as fly prints it: self-upgrade/environment:production.
func (p Pipeline) String() string {
	ref := atc.PipelineRef{Name: p.Name}
	if len(p.InstanceVars) > 0 {
		ref.InstanceVars = p.InstanceVars
	}
	return session.OneLine(ref.String())
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
	YAML    []byte // resources and types sorted by name, as Concourse gives them, with keys of any version
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

// Headings are those of the difference: ["jobs/upgrade"].
func (c PipelineChange) Headings() []string {
	var list []string
	for _, line := range c.Diff {
		if line.Op == " " && !strings.HasPrefix(line.Text, " ") {
			list = append(list, line.Text)
		}
	}
	return list
}

// String describes the change in a few words.
func (c PipelineChange) String() string {
	switch {
	case c.Created:
		return "created (paused, as Concourse creates pipelines)"
	case c.Updated:
		return "updated"
	}
	return "unchanged"
}

// PipelineConfig reads a pipeline. A missing pipeline is not an error. It fails with
// ErrNoTeam, an error of package session, or the context's.
func (c *Client) PipelineConfig(ctx context.Context, p Pipeline) (PipelineConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	doing := "read pipeline " + p.String()
	ref, err := p.ref()
	if err != nil {
		return PipelineConfig{}, err
	}
	have, err := c.read(ctx, ref)
	if err != nil || !have.Exists() {
		return PipelineConfig{}, c.explainIf(doing, err)
	}
	text, err := have.YAML()
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
// are. Besides PipelineConfig's errors it fails when text is not a pipeline.
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
	want, err := config.Parse(text)
	if err != nil {
		return setting{}, fmt.Errorf("parse pipeline %s: %s", p, c.session.Mask(session.OneLine(err.Error())))
	}
	have, err := c.read(ctx, ref)
	if err != nil {
		return setting{}, c.explain("read pipeline "+p.String(), err)
	}
	s := setting{client: c, ref: ref, text: text, have: have, want: want}
	if !have.Same(want) && want.Doubtful(have.Config) {
		if s.want, err = c.known(ctx, p, want, have.Config); err != nil {
			return setting{}, err
		}
	}
	if !have.Same(s.want) {
		s.change = PipelineChange{Created: !have.Exists(), Updated: have.Exists(), Diff: config.Diff(have.Config, s.want)}
	}
	return s, nil
}

// known is want as Concourse will store it: it drops keys that it does not know
// without a word, at the top and inside of steps. Compared, they would have the
// pipeline set for ever.
func (c *Client) known(ctx context.Context, p Pipeline, want, have config.Config) (config.Config, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return config.Config{}, err
	}
	dropped, guessed := want.Dropped(have, info.Version)
	say := func(format string, keys []string) {
		if names := config.Names(keys); names != "" {
			c.session.Notify(session.OneLine(fmt.Sprintf("pipeline %s: Concourse %s "+format, p, info.Version, names)))
		}
	}
	say("drops what it does not know: %s", dropped)
	say("may drop what it does not know: %s; then the pipeline is set at every run", guessed)
	return want.Without(dropped...)
}

// Foreign is what a running pipeline has besides a template.
type Foreign = config.Foreign

// Keep gives a pipeline that was rendered from a template what people have added to
// the running one by hand: jobs, resources and the like that are not ours, the
// template's, and keys that the library does not know. running is a PipelineConfig's
// YAML, ours is what the template has or had, by section. A text to which nothing is
// added comes back as it is.
func Keep(running, text []byte, ours map[string][]string) ([]byte, Foreign, error) {
	text, foreign, err := config.KeepForeign(running, text, ours)
	if err != nil {
		return nil, Foreign{}, err
	}
	text, err = config.Keep(running, text)
	return text, foreign, err
}

// setting is one pipeline on its way to Concourse.
type setting struct {
	client *Client
	ref    atc.PipelineRef
	text   []byte
	have   snapshot      // what was there when text was compared
	want   config.Config // what text says, as Concourse will store it
	change PipelineChange
}

// send sends the pipeline on top of what was read. When somebody was faster, it
// reads once more and goes on only if that makes no difference; when the reply
// was lost, it looks whether the pipeline arrived instead of sending it again.
func (s *setting) send(ctx context.Context) (PipelineChange, error) {
	created, err := s.save(ctx, s.have)
	stale, lost := session.Stale(err), session.Lost(err)
	if !stale && !lost {
		return s.done(created, err)
	}
	now, readErr := s.client.read(ctx, s.ref)
	switch {
	case readErr != nil:
		return PipelineChange{}, fmt.Errorf("%w; whether it is set is not known: run again", err)
	case now.Same(s.want) && lost:
		return s.change, nil
	case now.Same(s.want):
		return PipelineChange{}, nil // somebody else set the very same
	case lost:
		return PipelineChange{}, fmt.Errorf("%w; it was not set as far as Concourse tells now: run again", err)
	case !now.Same(s.have.Config):
		return PipelineChange{}, s.conflict(now)
	}
	created, err = s.save(ctx, now)
	if session.Stale(err) {
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
	lines := config.Diff(s.have.Config, now.Config)
	return &ConflictError{
		Pipeline: s.ref.String(), Read: s.have.version, Now: now.version, Changed: config.Headings(lines), Diff: lines,
	}
}

// save sends the pipeline once, for the config version of on.
func (s *setting) save(ctx context.Context, on snapshot) (created bool, err error) {
	created, _, warnings, err := s.client.api(ctx, memberRight(s.client.team), http.StatusBadRequest).Team(s.client.team).
		CreateOrUpdatePipelineConfig(s.ref, on.version, s.text, false)
	for _, w := range warnings {
		s.client.session.Notify(fmt.Sprintf("pipeline %s: %s: %s", session.OneLine(s.ref.String()), w.Type, session.OneLine(w.Message)))
	}
	return created, session.Bare(err)
}

// snapshot is what Concourse holds under a pipeline's name at one moment.
type snapshot struct {
	config.Config
	version string
}

// read gets the config of a pipeline, past the library, which would drop what it
// does not know. Only a 404 costs a second request, which tells a missing pipeline
// from a missing team.
func (c *Client) read(ctx context.Context, ref atc.PipelineRef) (snapshot, error) {
	path := c.session.URL() + "/api/v1/teams/" + url.PathEscape(c.team) + "/pipelines/" + url.PathEscape(ref.Name) + "/config"
	if vars := ref.QueryParams(); vars != nil {
		path += "?" + vars.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return snapshot{}, err
	}
	res, err := c.session.Client(ctx, memberRight(c.team)).Do(req)
	if session.Status(err) == http.StatusNotFound {
		return snapshot{}, c.findTeam(ctx)
	}
	if err != nil {
		return snapshot{}, session.Bare(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return snapshot{}, err
	}
	found, err := config.Read(answer.Config)
	return snapshot{found, res.Header.Get(atc.ConfigVersionHeader)}, err
}

// findTeam fails when there is no such team.
func (c *Client) findTeam(ctx context.Context) error {
	_, err := c.api(ctx, memberRight(c.team)).FindTeam(c.team)
	if session.Status(err) == http.StatusNotFound {
		return fmt.Errorf("%w: %s", ErrNoTeam, c.team)
	}
	return session.Bare(err)
}

// lookup is the team of the client, for calls to which a 404 is an answer.
func (c *Client) lookup(ctx context.Context) api.Team {
	return c.api(ctx, memberRight(c.team), http.StatusNotFound).Team(c.team)
}
