package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// parameters are those of the pipeline, and the key of its user.
func (p *planner) parameters(ctx context.Context) (PlannedStep, error) {
	if p.elsewhere() {
		return quiet("%s", noParameters)
	}
	if p.local() {
		return quiet("%s", whyLocal)
	}
	if p.bare {
		return PlannedStep{Changes: true, Summary: notYet}, nil
	}
	in, err := p.input()
	if err != nil {
		return PlannedStep{}, err
	}
	var lines []string
	list := manifest.Parameters(in, p.run.credentials)
	for _, parameter := range list {
		value, err := p.parameter(ctx, parameter.Name)
		if err != nil {
			return PlannedStep{}, err
		}
		if value != parameter.Value {
			lines = append(lines, "~ "+parameter.Name)
		}
	}
	keys, err := p.plannedKeys(ctx, in)
	if err != nil {
		return PlannedStep{}, err
	}
	lines = append(lines, keys...)
	if len(lines) == 0 {
		return quiet("%d parameters for the pipeline", len(list))
	}
	return PlannedStep{Changes: true, Summary: "would change", Lines: lines}, nil
}

func (p *planner) pipeline(ctx context.Context) (PlannedStep, error) {
	name := p.config.Pipeline.Name
	if p.elsewhere() {
		return quiet("%s", p.noPipeline())
	}
	if p.local() {
		return quiet("%s", whyLocal)
	}
	if p.alone || !p.record.Deployment {
		return PlannedStep{Changes: true, Summary: notYet, Lines: p.firstOf(manifest.Pipeline)}, nil
	}
	in, err := p.input()
	if err != nil {
		return PlannedStep{}, err
	}
	if in.Reader, err = p.lendReader(ctx, in); err != nil {
		return PlannedStep{}, err
	}
	text, err := p.run.pipeline(in)
	if err != nil {
		return PlannedStep{}, err
	}
	atc, err := p.ATC(p.webNow(ctx))
	if err != nil {
		return PlannedStep{}, err
	}
	ref := concourse.Pipeline{Name: name}
	lines, err := p.team(ctx, atc)
	if err != nil {
		return PlannedStep{}, err
	}
	old, err := p.former(ctx, atc, ref)
	if err != nil {
		return PlannedStep{}, err
	}
	running, err := atc.PipelineConfig(ctx, ref)
	if err != nil && !errors.Is(err, concourse.ErrNoTeam) {
		return PlannedStep{}, err
	}
	ours, before := text, old.orElse(running)
	if text, err = p.keepForeign(before, text); err != nil {
		return PlannedStep{}, err
	}
	// Of a pipeline that moves, what differs from where it was.
	from := atc
	if old.exists && !running.Exists {
		from = old.atc
	}
	if old.exists {
		lines = append(lines, fmt.Sprintf("! it moves from team %s, where it is archived, to team %s", manifest.FormerTeam, manifest.PipelineTeam))
	}
	left, others, err := p.formerParameters(ctx, in)
	if err != nil {
		return PlannedStep{}, err
	}
	for _, name := range left {
		lines = append(lines, "- parameter "+name)
	}
	for _, name := range others {
		lines = append(lines, "! parameter "+name+" stays, but the pipeline will no longer find it")
	}
	change, err := p.diffPipeline(ctx, from, ref, text)
	if err != nil {
		return PlannedStep{}, err
	}
	for _, line := range change.Diff {
		lines = append(lines, strings.TrimRight(line.Op+" "+line.Text, " "))
	}
	if !change.Created && !change.Updated && len(lines) == 0 {
		return quiet("pipeline %s", name)
	}
	values, err := pipelineLines(before.YAML, ours, text)
	if err != nil {
		return PlannedStep{}, err
	}
	lines = append(lines, below(values, hiddenByConcourse...)...)
	return PlannedStep{Changes: true, Summary: "would change", Lines: lines}, nil
}

// team says how the members of the pipeline's team would change.
func (p *planner) team(ctx context.Context, atc ATC) (lines []string, err error) {
	wanted := manifest.PipelineRole + " local:" + manifest.ATCUser
	change, err := atc.DiffTeam(ctx, manifest.PipelineTeam, manifest.PipelineRole, []string{manifest.ATCUser})
	switch {
	case err != nil:
		return nil, err
	case change.Created:
		return []string{"+ team " + manifest.PipelineTeam + ": " + wanted}, nil
	case change.Updated:
		return []string{fmt.Sprintf("~ team %s: %s → %s", manifest.PipelineTeam, strings.Join(change.Members, ", "), wanted)}, nil
	}
	return nil, nil
}

// diffPipeline compares the pipeline with what is set. In a team that is not there
// everything is new.
func (p *planner) diffPipeline(ctx context.Context, atc ATC, ref concourse.Pipeline, text []byte) (concourse.PipelineChange, error) {
	change, err := atc.DiffPipeline(ctx, ref, text)
	if errors.Is(err, concourse.ErrNoTeam) {
		return concourse.PipelineChange{Created: true}, nil
	}
	return change, err
}

// lendReader is the key of the pipeline's reader, or what stands for one that a deploy
// would make.
func (p *planner) lendReader(ctx context.Context, in manifest.Input) (manifest.Key, error) {
	if p.infra.ReaderUser != "" {
		value, err := p.parameter(ctx, manifest.OwnPath(in)+"/"+manifest.ReaderKey)
		if err != nil {
			return manifest.Key{}, err
		}
		if key := manifest.ParseKey(value); key.ID != "" {
			p.Mask(value, key.Secret)
			return key, nil
		}
	}
	return manifest.Key{ID: "(a new key)", Secret: secret.New("(its secret)")}, nil
}
