// Package pipeline compares the pipeline with which an installation upgrades itself with
// what is wanted, and sets it: in a team of its own, with its parameters, and in the place
// of where earlier releases had it.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/accesskey"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// ATC is Concourse in a team of the pipeline.
type ATC interface {
	// Pipelines lists those of all teams.
	Pipelines(ctx context.Context) ([]concourse.PipelineState, error)
	// PipelineConfig gives the config that is set; Exists is false where there is none.
	PipelineConfig(ctx context.Context, p concourse.Pipeline) (concourse.PipelineConfig, error)
	// DiffPipeline says what SetPipeline would change.
	DiffPipeline(ctx context.Context, p concourse.Pipeline, config []byte) (concourse.PipelineChange, error)
	// SetPipeline sets the config only when it differs, and keeps the pause state.
	SetPipeline(ctx context.Context, p concourse.Pipeline, config []byte) (concourse.PipelineChange, error)
	// PausePipeline and UnpausePipeline do so in a team; "" is the own one.
	PausePipeline(ctx context.Context, team string, p concourse.Pipeline) error
	UnpausePipeline(ctx context.Context, team string, p concourse.Pipeline) error
	// ArchivePipeline takes a pipeline's config away.
	ArchivePipeline(ctx context.Context, p concourse.Pipeline) error
	// SetTeam makes a team exist in which those local users have a role, and nobody else.
	SetTeam(ctx context.Context, team, role string, users []string) (concourse.TeamChange, error)
	// DiffTeam says what SetTeam would change.
	DiffTeam(ctx context.Context, team, role string, users []string) (concourse.TeamChange, error)
}

// Pipeline is the self-upgrade pipeline of an installation as it is wanted.
type Pipeline struct {
	Name  string         // of the installation: "ci"
	Input manifest.Input // what it is rendered from; it lacks Reader
	Self  bool           // the pipeline sets itself: it has no right to its team, nor to the former one

	ATC ATC // in the pipeline's team
	// Former opens Concourse in the team where earlier releases had the pipeline. user is
	// as whom.
	Former  func(ctx context.Context) (atc ATC, user string, err error)
	Account Account
	Keys    accesskey.Rotation
	Reader  accesskey.Holder // the user that reads the pipeline's variables for Concourse

	// Unpause says that a run has yet to let the pipeline run. Save keeps it.
	Unpause *bool
	Save    func(ctx context.Context) error

	Note func(line string) // gets each line that is about to change
	Warn func(line string)
	Mask func(...secret.Value)
}

// standing is the pipeline as it is, and as it is wanted.
type standing struct {
	in      manifest.Input
	ref     concourse.Pipeline
	team    concourse.TeamChange
	running concourse.PipelineConfig
	old     former // where earlier releases had it

	ours, text   []byte // as it is rendered, and with what others have added
	change       concourse.PipelineChange
	left, others []string // parameters of the former one: ours, and those of others
	renewals     []string // access keys that a self-upgrade makes with it
	idle         []string // access keys that nothing has any more
}

// Compare compares the pipeline, and the members of its team, with what is wanted.
func (p Pipeline) Compare(ctx context.Context) (step.Comparison, error) {
	s, err := p.look(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	lines := s.lines(*p.Unpause)
	c := step.Same("pipeline %s", s.ref.Name)
	if len(lines) > 0 || s.change.Created || s.change.Updated {
		c = step.Differs("would change", lines...)
	}
	c.Act = func(ctx context.Context) (step.Outcome, error) { return p.set(ctx, s) }
	return c, nil
}

// look changes nothing. A key that the pipeline's reader has not got yet stands in what is
// wanted as one that is not known.
func (p Pipeline) look(ctx context.Context) (s standing, err error) {
	s.in, s.ref = p.Input, concourse.Pipeline{Name: p.Input.Config.Pipeline.Name}
	if s.in.Reader, err = p.lendReader(ctx); err != nil {
		return s, err
	}
	if !p.Self {
		if s.team, err = p.ATC.DiffTeam(ctx, manifest.PipelineTeam, manifest.PipelineRole, []string{config.ATCUser}); err != nil {
			return s, err
		}
	}
	s.running, err = p.ATC.PipelineConfig(ctx, s.ref)
	switch {
	case errors.Is(err, concourse.ErrNoTeam) && p.Self:
		return s, fmt.Errorf("%w; nothing was changed: run perpetual deploy %s by hand once, which makes the pipeline's team", err, p.Name)
	case err != nil && !errors.Is(err, concourse.ErrNoTeam):
		return s, err
	}
	if s.old, err = p.former(ctx, s.ref); err != nil {
		return s, err
	}
	if err := p.render(&s); err != nil {
		return s, err
	}
	if s.change, err = s.diff(ctx, p.ATC); err != nil {
		return s, err
	}
	if s.idle, err = p.Keys.Idle(ctx); err != nil {
		return s, err
	}
	if p.Self {
		s.renewals, err = p.Keys.Planned(ctx)
		return s, err
	}
	s.left, s.others, err = p.formerParameters(ctx, s.in)
	return s, err
}

// diff compares what is wanted with what is set: of a pipeline that moves, with where it
// was. In a team that is not there everything is new.
func (s standing) diff(ctx context.Context, atc ATC) (concourse.PipelineChange, error) {
	from := atc
	if s.old.exists && !s.running.Exists {
		from = s.old.atc
	}
	change, err := from.DiffPipeline(ctx, s.ref, s.text)
	if errors.Is(err, concourse.ErrNoTeam) {
		return concourse.PipelineChange{Created: true}, nil
	}
	return change, err
}

// lines say what differs. unpauses says that a run has yet to let the pipeline run.
func (s standing) lines(unpauses bool) (lines []string) {
	wanted := manifest.PipelineRole + " local:" + config.ATCUser
	switch {
	case s.team.Created:
		lines = append(lines, "+ team "+manifest.PipelineTeam+": "+wanted)
	case s.team.Updated:
		lines = append(lines, fmt.Sprintf("~ team %s: %s → %s", manifest.PipelineTeam, strings.Join(s.team.Members, ", "), wanted))
	}
	if s.old.exists {
		lines = append(lines, fmt.Sprintf("! it moves from team %s, where it is archived, to team %s", manifest.FormerTeam, manifest.PipelineTeam))
		for _, name := range s.others { // they stay for ever, and are no change after the move
			lines = append(lines, "! parameter "+name+" stays, but the pipeline will no longer find it")
		}
	}
	if s.running.Exists && unpauses {
		lines = append(lines, "~ it is unpaused")
	}
	lines = append(lines, step.Marked("- parameter ", s.left)...)
	lines = append(append(lines, s.renewals...), step.Marked("- access key ", s.idle)...)
	for _, line := range s.change.Diff {
		lines = append(lines, strings.TrimRight(line.Op+" "+line.Text, " "))
	}
	if !s.change.Created && !s.change.Updated && len(lines) == 0 {
		return nil
	}
	values, err := s.values()
	if err != nil {
		return append(lines, step.Unknown(err))
	}
	return append(lines, difference.Below(values, hidden...)...)
}
