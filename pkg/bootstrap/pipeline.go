package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// local says whether the state is where a build cannot reach it.
func (r *run) local() bool { return r.config.State != nil && r.config.State.Dir != "" }

const whyLocal = "the state is in a directory, which no build reaches: this Concourse does not upgrade itself until the state is in a bucket"

// noParameters is what there is to say of parameters without a pipeline.
const noParameters = "none are made: no pipeline is set"

// setPipeline sets the self-upgrade pipeline in its own team, and lets it run when it is
// new. By hand it makes the team, and takes over from where earlier releases had the
// pipeline. That one is paused before this one runs, so that never two of them upgrade.
func (r *run) setPipeline(ctx context.Context) (Outcome, error) {
	if r.elsewhere() {
		return skipped("%s", r.noPipeline())
	}
	if r.local() {
		return skipped("%s", whyLocal)
	}
	in, err := r.input()
	if err != nil {
		return Outcome{}, err
	}
	if r.options.Self {
		if _, err := r.renewKeys(ctx, in); err != nil {
			return Outcome{}, err
		}
	}
	if in.Reader, err = r.readerKey(ctx, in); err != nil {
		return Outcome{}, err
	}
	web := r.web()
	if r.options.Self { // before the deploy
		web = r.webNow(ctx)
	}
	atc, err := r.ATC(web)
	if err != nil {
		return Outcome{}, err
	}
	var team concourse.TeamChange
	if !r.options.Self {
		if team, err = atc.SetTeam(ctx, manifest.PipelineTeam, manifest.PipelineRole, []string{manifest.ATCUser}); err != nil {
			return Outcome{}, err
		}
		crash.Here("team-set")
	}
	o, err := r.converge(ctx, atc, in)
	if err != nil {
		return Outcome{}, err
	}
	if err := r.retireKeys(ctx, in); err != nil {
		return Outcome{}, err
	}
	if o.Status == UpToDate && (team.Created || team.Updated) {
		return changed("team %s has its members again", manifest.PipelineTeam)
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

// converge makes the pipeline as wanted, in its team.
func (r *run) converge(ctx context.Context, atc ATC, in manifest.Input) (Outcome, error) {
	ref := concourse.Pipeline{Name: r.config.Pipeline.Name}
	running, err := atc.PipelineConfig(ctx, ref)
	if errors.Is(err, concourse.ErrNoTeam) {
		return Outcome{}, fmt.Errorf("%w; nothing was changed: run perpetual deploy %s by hand once, which makes the pipeline's team", err, r.Name)
	}
	if err != nil {
		return Outcome{}, err
	}
	old, err := r.former(ctx, atc, ref)
	if err != nil {
		return Outcome{}, err
	}
	if !running.Exists {
		// Written down first: the run may end between the two.
		r.record.Unpause = r.record.Unpause || !old.exists || old.runs
		if err := r.saveRecord(ctx); err != nil {
			return Outcome{}, err
		}
	}
	if err := old.pause(ctx, atc); err != nil {
		return Outcome{}, err
	}
	text, err := r.pipeline(in)
	if err != nil {
		return Outcome{}, err
	}
	ours, before := text, old.orElse(running)
	if text, err = r.keepForeign(before, text); err != nil {
		return Outcome{}, err
	}
	r.tell(stepPipeline)(pipelineLines(before.YAML, ours, text))
	change, err := atc.SetPipeline(ctx, ref, text)
	if err != nil {
		return Outcome{}, err
	}
	crash.Here("pipeline-set")
	ran := r.record.Unpause
	if ran {
		if err := atc.UnpausePipeline(ctx, "", ref); err != nil {
			return Outcome{}, err
		}
		r.record.Unpause = false
		crash.Here("pipeline-unpaused")
	}
	if err := r.leaveFormer(ctx, old, in); err != nil {
		return Outcome{}, err
	}
	switch {
	case old.exists && ran:
		return changed("pipeline %s has moved from team %s to team %s, and runs", ref.Name, manifest.FormerTeam, manifest.PipelineTeam)
	case old.exists:
		return changed("pipeline %s has moved from team %s to team %s, and is paused as it was", ref.Name, manifest.FormerTeam, manifest.PipelineTeam)
	case ran:
		return changed("pipeline %s was created and runs", ref.Name)
	case change.Updated:
		return changed("pipeline %s was updated", ref.Name)
	}
	return upToDate("pipeline %s", ref.Name)
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

// putParameters gives the pipeline its credentials through the credential manager.
func (r *run) putParameters(ctx context.Context) (Outcome, error) {
	if r.elsewhere() {
		return skipped("%s", noParameters)
	}
	if r.local() {
		return skipped("%s", whyLocal)
	}
	in, err := r.input()
	if err != nil {
		return Outcome{}, err
	}
	count := 0
	list := manifest.Parameters(in, r.credentials)
	for _, p := range list {
		differs, err := r.putParameter(ctx, p.Name, p.Value)
		if err != nil {
			return Outcome{}, err
		}
		if differs {
			count++
			r.note(stepParameters, "%s", p.Name)
		}
	}
	made, err := r.renewKeys(ctx, in)
	if err != nil {
		return Outcome{}, err
	}
	if len(made) > 0 {
		return changed("%d of %d parameters for the pipeline, and a new access key of %s", count, len(list), strings.Join(made, " and of "))
	}
	if count == 0 {
		return upToDate("%d parameters for the pipeline", len(list))
	}
	return changed("%d of %d parameters for the pipeline", count, len(list))
}
