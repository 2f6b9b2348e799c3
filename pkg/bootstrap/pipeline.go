package bootstrap

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/pipeline"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

const whyLocal = "the state is in a directory, which no build reaches: this Concourse does not upgrade itself until the state is in a bucket"

// noParameters is what there is to say of parameters without a pipeline.
const noParameters = "none are made: no pipeline is set"

// noPipeline says why none is set on a director that exists, and what upgrades instead.
// The bundled pipeline is not an answer: its put deploys the bundled manifest as it is,
// and so refuses to.
func (r *work) noPipeline() string {
	return fmt.Sprintf("none is set, since this Concourse has no credential manager for its secrets: perpetual deploy %s --upgrade upgrades it", r.Name)
}

// comparePipeline compares the self-upgrade pipeline with what is wanted.
func (r *work) comparePipeline(ctx context.Context) (step.Comparison, error) {
	switch {
	case r.Elsewhere():
		return step.None("%s", r.noPipeline()), nil
	case r.Local():
		return step.None("%s", whyLocal), nil
	case r.plans && (r.alone() || !r.Record.Deployment):
		return step.Differs(step.NotYet, r.firstOf(manifest.Pipeline)...), nil
	}
	in, err := r.Input()
	if err != nil {
		return step.Comparison{}, err
	}
	web := r.Reach().Web()
	if !r.deployed { // it may be where it was
		web = r.WebNow(ctx)
	}
	atc, err := r.ATC(web)
	if err != nil {
		return step.Comparison{}, err
	}
	return pipeline.Pipeline{
		Name: r.Name, Input: in, Self: r.Options.Self,
		ATC: atc, Former: r.openFormer, Account: r.Account,
		Keys: r.accessKeys(), Reader: r.keyHolder(r.Infrastructure.ReaderUser, manifest.ReaderKey),
		Unpause: &r.Record.Unpause, Save: r.Save,
		Note: r.NoteOf(step.Pipeline), Warn: func(line string) { r.Warn(line) }, Mask: r.Mask,
	}.Compare(ctx)
}

// openFormer opens Concourse in the team where earlier releases had the pipeline.
func (r *work) openFormer(ctx context.Context) (pipeline.ATC, string, error) {
	web := r.WebNow(ctx)
	web.Team = manifest.FormerTeam
	atc, err := r.ATC(web)
	return atc, web.Username, err
}

// compareParameters compares the pipeline's credentials with those that it finds by the
// credential manager, and looks at the keys of its users.
func (r *work) compareParameters(ctx context.Context) (step.Comparison, error) {
	switch {
	case r.Elsewhere():
		return step.None("%s", noParameters), nil
	case r.Local():
		return step.None("%s", whyLocal), nil
	case r.Bare():
		return step.Differs(step.NotYet), nil
	}
	in, err := r.Input()
	if err != nil {
		return step.Comparison{}, err
	}
	return pipeline.Parameters{
		Account: r.Account, List: manifest.Parameters(in, r.Credentials), Tags: r.parameterTags(), Keys: r.accessKeys(), Note: r.NoteOf(step.Parameters),
	}.Compare(ctx)
}
