package run

import (
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/choice"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/generation"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
)

// Site is where the stack is.
func (r *Run) Site() infrastructure.Site {
	s := infrastructure.Site{Name: r.Name, Open: r.OpenStack, Note: r.NoteOf(step.Infrastructure), Warn: r.Progress.Warn}
	if r.Config.AWS != nil {
		s.Tags = r.Config.AWS.Tags
	}
	return s
}

// Elsewhere says whether Concourse goes to a director that exists: there is no
// infrastructure then, and the cloud config is its owner's.
func (r *Run) Elsewhere() bool { return r.Config.AWS == nil }

// Bare says that there is no infrastructure yet.
func (r *Run) Bare() bool { return !r.Elsewhere() && r.Record.Infrastructure == nil }

// Local says whether the state is where a build cannot reach it.
func (r *Run) Local() bool { return r.Config.State != nil && r.Config.State.Dir != "" }

// StoreName says where the state is.
func (r *Run) StoreName() string {
	if r.Local() {
		return "the directory " + r.Config.State.Dir
	}
	return "the bucket " + r.BucketName()
}

// BucketName is that of the state bucket.
func (r *Run) BucketName() string { return config.BucketName(r.Config, r.Identity.Account) }

// Chooser finds what the user need not say.
func (r *Run) Chooser() choice.Chooser {
	return choice.Chooser{
		Name: r.Name, Config: r.Config, Choice: &r.Record.Choice, Account: r.Account, Warn: r.Progress.Warn,
	}
}

// Generator generates what is missing of the credentials.
func (r *Run) Generator() generation.Generator {
	return generation.Generator{
		Name: r.Name, Pipeline: !r.Elsewhere(), Self: r.Options.Self, Now: r.Now(), Mask: r.Mask, Warn: func(line string) { r.Warn(line) },
	}
}
