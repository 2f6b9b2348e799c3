// Package plan is what an upgrade comes to before it changes anything: what is deployed,
// the manifest, the pipeline and the cloud config that are wanted, and the way in which web
// and workers are replaced. It refuses what must not be deployed.
package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/stock"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Director is what a plan asks of a BOSH director.
type Director interface {
	// Deployment fails with bosh.ErrNotFound for a deployment that does not exist.
	Deployment(ctx context.Context, name string) (bosh.Deployment, error)
	// DiskUsage is how full, in percent, the fullest persistent disk of a group is; known
	// is false where no agent says it.
	DiskUsage(ctx context.Context, deployment, group string) (percent int, known bool, err error)
	// ConfigServer says whether the director fills in variables by itself.
	ConfigServer(ctx context.Context) (bool, error)
	// CloudConfig is the default one; it fails with bosh.ErrNotFound where there is none.
	CloudConfig(ctx context.Context) (bosh.ConfigVersion, error)
}

// ATC is what a plan asks of the Concourse API.
type ATC interface {
	Info(ctx context.Context) (concourse.Info, error)
	Workers(ctx context.Context) ([]concourse.Worker, error)
	// PipelineConfig gives the config that is set; Exists is false where there is none.
	PipelineConfig(ctx context.Context, p concourse.Pipeline) (concourse.PipelineConfig, error)
}

// Plan is what one request comes to, with whom it asks for that. Its methods change
// nothing but the plan, and each may be called again when the world may have changed.
type Plan struct {
	Request  Request
	Director Director
	ATC      ATC // nil where the source has no concourse section
	Build    Build
	Program  string // the version of this program; "" is not known
	// DiskChecked says that the caller has looked at the disk that another major of
	// PostgreSQL needs.
	DiskChecked bool
	// MayPause fails where a quiet upgrade is chosen and its pipelines cannot be paused. It
	// is asked when the way is known, and may call Remark. It is never nil.
	MayPause func(ctx context.Context) error
	Say      func(format string, args ...any) // tells people what happens
	Note     func(format string, args ...any) // the same, for those too who see the result alone
	Mask     func(...secret.Value)            // hides more values in the log from now on

	Deployed bosh.Deployment // the zero value for a first deploy; see Read
	Rendered []byte          // the manifest as people wrote it, filled in; see Read
	Digest   string          // of that: what was asked for, whatever the way
	Stock    *stock.Stock    // the releases and stemcells that Rendered takes
	Pipeline PipelineConfig  // see RenderPipeline
	Way      Way             // see ChooseWay
	Manifest []byte          // as it is submitted: Rendered, arranged for the way; see Arrange
	// NoRelease says that the director does not let us upload a release.
	NoRelease bool

	adopted []string // what people were told of the manifest that is taken over
	said    []string // the notes of the way that people were told
}

// Observe reads what is deployed, renders the manifest over it, and chooses the way.
func (p *Plan) Observe(ctx context.Context) error {
	if err := p.Read(ctx); err != nil {
		return err
	}
	return p.ChooseWay(ctx)
}

// Read reads what is deployed and renders the manifest over it.
func (p *Plan) Read(ctx context.Context) error {
	var err error
	p.Deployed, err = p.Director.Deployment(ctx, p.Request.Deployment)
	if err != nil && !errors.Is(err, bosh.ErrNotFound) {
		return fmt.Errorf("read deployment %s: %w", p.Request.Deployment, err)
	}
	if err := p.render(ctx); err != nil {
		return err
	}
	parsed, err := deployment.Parse(template.File{Name: p.Request.Input.Manifest.Name, Text: p.Rendered})
	if err != nil {
		return err
	}
	return p.Stock.Take(ctx, parsed)
}
