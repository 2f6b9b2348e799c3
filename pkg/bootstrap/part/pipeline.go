package part

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/pipeline"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Pipeline is the one that upgrades this Concourse.
type Pipeline struct {
	*run.Run
	deployment *Deployment
}

// whyLocal says why nothing is made of the pipeline where no build can read the state.
const whyLocal = "the state is in a directory, which no build reaches: this Concourse does not upgrade itself until the state is in a bucket"

// noPipeline says why none is set on a director that exists, and what upgrades instead.
// The bundled pipeline is not an answer: its put deploys the bundled manifest as it is,
// and so refuses to.
func (p *Pipeline) noPipeline() string {
	return fmt.Sprintf("none is set, since this Concourse has no credential manager for its secrets: perpetual deploy %s --upgrade upgrades it", p.Name)
}

// Compare compares the self-upgrade pipeline with what is wanted.
func (p *Pipeline) Compare(ctx context.Context) (step.Comparison, error) {
	switch {
	case p.Elsewhere():
		return step.None("%s", p.noPipeline()), nil
	case p.Local():
		return step.None("%s", whyLocal), nil
	case p.Plans && (alone(p.Run) || !p.Record.Deployment):
		return step.Differs(step.NotYet, firstOf(p.Run, manifest.Pipeline)...), nil
	}
	in, err := p.Input()
	if err != nil {
		return step.Comparison{}, err
	}
	web := p.Reach().Web()
	if !p.deployment.done { // it may be where it was
		web = p.WebNow(ctx)
	}
	atc, err := p.ATC(web)
	if err != nil {
		return step.Comparison{}, err
	}
	return pipeline.Pipeline{
		Name: p.Name, Input: in, Self: p.Options.Self,
		ATC: atc, Former: p.openFormer, Account: p.Account,
		Keys: accessKeys(p.Run), Reader: keyHolder(p.Run, p.Outputs.ReaderUser, manifest.ReaderKey),
		Unpause: &p.Record.Unpause, Save: p.Save,
		Note: p.NoteOf(step.Pipeline), Warn: func(line string) { p.Warn(line) }, Mask: p.Mask,
	}.Compare(ctx)
}

// openFormer opens Concourse in the team where earlier releases had the pipeline.
func (p *Pipeline) openFormer(ctx context.Context) (pipeline.ATC, string, error) {
	web := p.WebNow(ctx)
	web.Team = manifest.FormerTeam
	atc, err := p.ATC(web)
	return atc, web.Username, err
}
