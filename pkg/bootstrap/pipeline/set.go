package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// set sets the self-upgrade pipeline in its own team, and lets it run when it is
// new. By hand it makes the team, and takes over from where earlier releases had the
// pipeline. That one is paused before this one runs, so that never two of them upgrade.
func (p Pipeline) set(ctx context.Context, s standing) (step.Outcome, error) {
	var renewed []string
	if p.Self {
		var err error
		if renewed, err = p.Keys.Renew(ctx); err != nil {
			return step.Outcome{}, err
		}
	}
	key, err := p.readerKey(ctx)
	if err != nil {
		return step.Outcome{}, err
	}
	if key != s.in.Reader {
		s.in.Reader = key
		if err := p.render(&s); err != nil {
			return step.Outcome{}, err
		}
	}
	if !p.Self {
		if s.team, err = p.ATC.SetTeam(ctx, manifest.PipelineTeam, manifest.PipelineRole, []string{config.ATCUser}); err != nil {
			return step.Outcome{}, err
		}
		crash.Here("team-set")
	}
	o, err := p.converge(ctx, s)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := p.Keys.Retire(ctx); err != nil {
		return step.Outcome{}, err
	}
	switch {
	case o.Status == step.Changed:
		return o, nil
	case s.team.Created || s.team.Updated:
		return step.Changed.Report("team %s has its members again", manifest.PipelineTeam)
	case len(renewed) > 0:
		return step.Changed.Report("pipeline %s; a new access key of %s", s.ref.Name, strings.Join(renewed, " and of "))
	case len(s.idle) > 0:
		return step.Changed.Report("pipeline %s; access keys that nothing used were deleted: %s", s.ref.Name, strings.Join(s.idle, ", "))
	}
	return o, nil
}

// readerKey is the key with which Concourse reads the pipeline's variables.
func (p Pipeline) readerKey(ctx context.Context) (manifest.Key, error) {
	value, err := p.Account.GetParameter(ctx, p.Reader.Parameter)
	if err != nil && !errors.Is(err, aws.ErrNotFound) {
		return manifest.Key{}, err
	}
	key := manifest.ParseKey(value)
	p.Mask(value, key.Secret)
	if key.ID == "" {
		return key, fmt.Errorf("the key with which Concourse reads the pipeline's variables is missing; the pipeline was not changed: run perpetual deploy %s by hand", p.Name)
	}
	return key, nil
}

// lendReader is the key of the pipeline's reader, or what stands for one that a deploy
// makes before it sets the pipeline.
func (p Pipeline) lendReader(ctx context.Context) (manifest.Key, error) {
	next := manifest.Key{ID: "(a new key)", Secret: secret.New("(its secret)")}
	if p.Reader.User == "" {
		return next, nil
	}
	s, err := p.Keys.Look(ctx, p.Reader)
	if err != nil || s.Key.ID == "" || s.Old {
		return next, err
	}
	return s.Key, nil
}

// converge makes the pipeline as wanted, in its team.
func (p Pipeline) converge(ctx context.Context, s standing) (step.Outcome, error) {
	if !s.running.Exists {
		// Written down first: the run may end between the two.
		*p.Unpause = *p.Unpause || !s.old.exists || s.old.runs
		if err := p.Save(ctx); err != nil {
			return step.Outcome{}, err
		}
	}
	if err := s.old.pause(ctx, p.ATC); err != nil {
		return step.Outcome{}, err
	}
	values, err := s.values()
	step.Tell(p.Note, values, err)
	change, err := p.ATC.SetPipeline(ctx, s.ref, s.text)
	if err != nil {
		return step.Outcome{}, err
	}
	crash.Here("pipeline-set")
	ran := *p.Unpause
	if ran {
		if err := p.ATC.UnpausePipeline(ctx, "", s.ref); err != nil {
			return step.Outcome{}, err
		}
		*p.Unpause = false
		crash.Here("pipeline-unpaused")
	}
	if err := p.leaveFormer(ctx, s); err != nil {
		return step.Outcome{}, err
	}
	name := s.ref.Name
	switch {
	case s.old.exists && ran:
		return step.Changed.Report("pipeline %s has moved from team %s to team %s, and runs", name, manifest.FormerTeam, manifest.PipelineTeam)
	case s.old.exists:
		return step.Changed.Report("pipeline %s has moved from team %s to team %s, and is paused as it was", name, manifest.FormerTeam, manifest.PipelineTeam)
	case ran:
		return step.Changed.Report("pipeline %s was created and runs", name)
	case change.Updated:
		return step.Changed.Report("pipeline %s was updated", name)
	case len(s.left) > 0:
		return step.Changed.Report("pipeline %s; parameters where it was before were deleted: %s", name, strings.Join(s.left, ", "))
	}
	return step.UpToDate.Report("pipeline %s", name)
}
