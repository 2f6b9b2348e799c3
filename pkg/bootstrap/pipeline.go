package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// local says whether the state is where a build cannot reach it.
func (r *run) local() bool { return r.config.State != nil && r.config.State.Dir != "" }

const whyLocal = "the state is in a directory, which no build reaches: this Concourse does not upgrade itself until the state is in a bucket"

// pipelineStanding is the self-upgrade pipeline as it is, and as it is wanted.
type pipelineStanding struct {
	in      manifest.Input
	atc     ATC
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

// comparePipeline compares the self-upgrade pipeline, and the members of its team, with
// what is wanted.
func (r *run) comparePipeline(ctx context.Context) (step.Comparison, error) {
	switch {
	case r.elsewhere():
		return step.None("%s", r.noPipeline()), nil
	case r.local():
		return step.None("%s", whyLocal), nil
	case r.plans && (r.alone() || !r.record.Deployment):
		return step.Differs(notYet, r.firstOf(manifest.Pipeline)...), nil
	}
	s, err := r.lookAtPipeline(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	lines := s.lines(r.record.Unpause)
	c := step.Same("pipeline %s", s.ref.Name)
	if len(lines) > 0 || s.change.Created || s.change.Updated {
		c = step.Differs("would change", lines...)
	}
	c.Act = func(ctx context.Context) (step.Outcome, error) { return r.setPipeline(ctx, s) }
	return c, nil
}

// lookAtPipeline changes nothing. A key that the pipeline's reader has not got yet stands
// in what is wanted as one that is not known.
func (r *run) lookAtPipeline(ctx context.Context) (s pipelineStanding, err error) {
	s.ref = concourse.Pipeline{Name: r.config.Pipeline.Name}
	if s.in, err = r.input(); err != nil {
		return s, err
	}
	if s.in.Reader, err = r.lendReader(ctx); err != nil {
		return s, err
	}
	web := r.web()
	if !r.deployed { // it may be where it was
		web = r.webNow(ctx)
	}
	if s.atc, err = r.ATC(web); err != nil {
		return s, err
	}
	if !r.options.Self {
		if s.team, err = s.atc.DiffTeam(ctx, manifest.PipelineTeam, manifest.PipelineRole, []string{config.ATCUser}); err != nil {
			return s, err
		}
	}
	s.running, err = s.atc.PipelineConfig(ctx, s.ref)
	switch {
	case errors.Is(err, concourse.ErrNoTeam) && r.options.Self:
		return s, fmt.Errorf("%w; nothing was changed: run perpetual deploy %s by hand once, which makes the pipeline's team", err, r.Name)
	case err != nil && !errors.Is(err, concourse.ErrNoTeam):
		return s, err
	}
	if s.old, err = r.former(ctx, s.atc, s.ref); err != nil {
		return s, err
	}
	if err := r.renderPipeline(&s); err != nil {
		return s, err
	}
	if s.change, err = s.diff(ctx); err != nil {
		return s, err
	}
	if s.idle, err = r.accessKeys().Idle(ctx); err != nil {
		return s, err
	}
	if r.options.Self {
		s.renewals, err = r.accessKeys().Planned(ctx)
		return s, err
	}
	s.left, s.others, err = r.formerParameters(ctx, s.in)
	return s, err
}

// renderPipeline makes what is wanted.
func (r *run) renderPipeline(s *pipelineStanding) (err error) {
	if s.ours, err = r.pipeline(s.in); err != nil {
		return err
	}
	s.text, err = r.keepForeign(s.old.orElse(s.running), s.ours)
	return err
}

// diff compares what is wanted with what is set: of a pipeline that moves, with where it
// was. In a team that is not there everything is new.
func (s pipelineStanding) diff(ctx context.Context) (concourse.PipelineChange, error) {
	from := s.atc
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
func (s pipelineStanding) lines(unpauses bool) (lines []string) {
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
	lines = slices.Concat(lines, s.renewals, step.Marked("- access key ", s.idle))
	for _, line := range s.change.Diff {
		lines = append(lines, strings.TrimRight(line.Op+" "+line.Text, " "))
	}
	if !s.change.Created && !s.change.Updated && len(lines) == 0 {
		return nil
	}
	values, err := pipelineLines(s.old.orElse(s.running).YAML, s.ours, s.text)
	if err != nil {
		return append(lines, notKnown(err))
	}
	return append(lines, below(values, hiddenByConcourse...)...)
}

// setPipeline sets the self-upgrade pipeline in its own team, and lets it run when it is
// new. By hand it makes the team, and takes over from where earlier releases had the
// pipeline. That one is paused before this one runs, so that never two of them upgrade.
func (r *run) setPipeline(ctx context.Context, s pipelineStanding) (step.Outcome, error) {
	var renewed []string
	if r.options.Self {
		var err error
		if renewed, err = r.accessKeys().Renew(ctx); err != nil {
			return step.Outcome{}, err
		}
	}
	key, err := r.readerKey(ctx, s.in)
	if err != nil {
		return step.Outcome{}, err
	}
	if key != s.in.Reader {
		s.in.Reader = key
		if err := r.renderPipeline(&s); err != nil {
			return step.Outcome{}, err
		}
	}
	if !r.options.Self {
		if s.team, err = s.atc.SetTeam(ctx, manifest.PipelineTeam, manifest.PipelineRole, []string{config.ATCUser}); err != nil {
			return step.Outcome{}, err
		}
		crash.Here("team-set")
	}
	o, err := r.converge(ctx, s)
	if err != nil {
		return step.Outcome{}, err
	}
	if err := r.accessKeys().Retire(ctx); err != nil {
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
func (r *run) readerKey(ctx context.Context, in manifest.Input) (manifest.Key, error) {
	value, err := r.parameter(ctx, manifest.OwnPath(in)+"/"+manifest.ReaderKey)
	if err != nil {
		return manifest.Key{}, err
	}
	key := manifest.ParseKey(value)
	r.Mask(value, key.Secret)
	if key.ID == "" {
		return key, fmt.Errorf("the key with which Concourse reads the pipeline's variables is missing; the pipeline was not changed: run perpetual deploy %s by hand", r.Name)
	}
	return key, nil
}

// lendReader is the key of the pipeline's reader, or what stands for one that a deploy
// makes before it sets the pipeline.
func (r *run) lendReader(ctx context.Context) (manifest.Key, error) {
	next := manifest.Key{ID: "(a new key)", Secret: secret.New("(its secret)")}
	if r.infra.ReaderUser == "" {
		return next, nil
	}
	s, err := r.accessKeys().Look(ctx, r.keyHolder(r.infra.ReaderUser, manifest.ReaderKey))
	if err != nil || s.Key.ID == "" || s.Old {
		return next, err
	}
	return s.Key, nil
}

// converge makes the pipeline as wanted, in its team.
func (r *run) converge(ctx context.Context, s pipelineStanding) (step.Outcome, error) {
	if !s.running.Exists {
		// Written down first: the run may end between the two.
		r.record.Unpause = r.record.Unpause || !s.old.exists || s.old.runs
		if err := r.saveRecord(ctx); err != nil {
			return step.Outcome{}, err
		}
	}
	if err := s.old.pause(ctx, s.atc); err != nil {
		return step.Outcome{}, err
	}
	r.tell(stepPipeline)(pipelineLines(s.old.orElse(s.running).YAML, s.ours, s.text))
	change, err := s.atc.SetPipeline(ctx, s.ref, s.text)
	if err != nil {
		return step.Outcome{}, err
	}
	crash.Here("pipeline-set")
	ran := r.record.Unpause
	if ran {
		if err := s.atc.UnpausePipeline(ctx, "", s.ref); err != nil {
			return step.Outcome{}, err
		}
		r.record.Unpause = false
		crash.Here("pipeline-unpaused")
	}
	if err := r.leaveFormer(ctx, s); err != nil {
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

// keepForeign gives a pipeline what people have added to the running one by hand, and
// says what that is, and what of it cannot stay.
func (r *run) keepForeign(running concourse.PipelineConfig, text []byte) ([]byte, error) {
	if !running.Exists {
		return text, nil
	}
	text, foreign, err := concourse.Keep(running.YAML, text, pipelines.InstallationNames())
	if err != nil {
		return nil, err
	}
	name := r.config.Pipeline.Name
	if len(foreign.Kept) > 0 {
		r.warn(fmt.Sprintf("pipeline %s keeps what the bundled one does not have: %s", name, strings.Join(foreign.Kept, ", ")))
	}
	if len(foreign.Lost) > 0 {
		r.warn(fmt.Sprintf("pipeline %s loses steps that the bundled one does not have: %s; add them with pipeline.ops_files", name, strings.Join(foreign.Lost, ", ")))
	}
	return text, nil
}

// pipeline renders the pipeline; what Concourse's credential manager fills in stays.
func (r *run) pipeline(in manifest.Input) ([]byte, error) {
	t, err := manifest.Pipeline(in)
	if err != nil {
		return nil, err
	}
	text, err := template.Render(t)
	if err != nil {
		return nil, fmt.Errorf("render the pipeline: %w", err)
	}
	return text, nil
}
