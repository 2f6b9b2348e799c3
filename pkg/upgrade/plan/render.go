package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// render makes the manifest to deploy and validates it. Values come, the later
// ones winning, from the bundled defaults, what is deployed, the component set,
// and the params.
func (p *Plan) render(ctx context.Context) error {
	t := p.Request.Input.Manifest
	t.Vars = nil
	if !p.Request.Input.OwnManifest {
		t.Vars = append(t.Vars, bundle.ConcourseDefaults())
	}
	given := append([]map[string]any{{"deployment_name": p.Request.Deployment}, p.Request.Input.componentVars()}, p.Request.Input.Vars...)
	if err := p.adopt(t, given); err != nil {
		return err
	}
	major, err := postgres.Vars(t, p.Deployed.Manifest, given, p.majorParam())
	if err != nil {
		return err
	}
	t.Vars = append(t.Vars, major)
	if len(p.Deployed.Manifest) > 0 {
		kept, err := keep(t, p.Deployed.Manifest, given, "deployed", "params.vars")
		if err != nil {
			return err
		}
		t.Vars = append(t.Vars, kept)
	}
	t.Vars = append(t.Vars, given...)
	for _, layer := range t.Vars {
		p.Mask(resource.SecretVars(layer)...)
	}

	text, err := p.fillIn(ctx, t)
	if err != nil {
		return err
	}
	if !p.Request.Input.OwnManifest {
		text = template.WithoutEmptyVariables(text)
	}
	if err := p.renderCloudConfig(ctx, t.Vars); err != nil {
		return err
	}
	return p.accept(text, t.Name)
}

// renderCloudConfig fills in the cloud config with the variables of the manifest: what
// is a variable in it is sent to nobody, unless the director fills it in itself. One
// without variables stays as it is.
func (p *Plan) renderCloudConfig(ctx context.Context, vars []map[string]any) error {
	if !template.HasVariables(p.Request.Input.CloudConfig.Text) {
		return nil
	}
	file := p.Request.Input.CloudConfig
	file.Name = cmp.Or(file.Name, "the cloud config")
	var err error
	p.Request.Input.CloudConfig.Text, err = p.fillIn(ctx, template.Template{File: file, Vars: vars})
	return err
}

// majorParam is where a person says which major of PostgreSQL is wanted.
func (p *Plan) majorParam() string {
	if !p.Request.Input.OwnManifest {
		return "params.vars." + postgres.Variable
	}
	return "databases.version"
}

// keep finds the values that a template's variables have in what runs. It looks
// at the template as the ops files leave it: they bring variables, and put
// others in place of some. A variable with two values must be given: taking the
// default, or one of them, would change what nobody asked to be changed.
func keep(t template.Template, running []byte, given []map[string]any, state, param string) (map[string]any, error) {
	t.Vars, t.Partial = nil, true
	text, err := template.Render(t)
	if err != nil {
		return nil, err
	}
	kept, unsure, err := template.Keep(text, running)
	if err != nil {
		return nil, fmt.Errorf("keep the %s values in %s: %w", state, t.Name, err)
	}
	unsure = slices.DeleteFunc(unsure, func(name string) bool {
		return slices.ContainsFunc(given, func(layer map[string]any) bool { return template.Gives(layer, name) })
	})
	if len(unsure) > 0 {
		return nil, fmt.Errorf("keep the %s values in %s: what ((%s)) is now is not certain: the places have different values, or a text holds several variables; give it in %s",
			state, t.Name, strings.Join(unsure, ")), (("), param)
	}
	return kept, nil
}

// fillIn renders a document for the director. Variables without a value are left to
// its config server, if it has one.
func (p *Plan) fillIn(ctx context.Context, t template.Template) ([]byte, error) {
	text, missing := template.Render(t)
	if !errors.Is(missing, template.ErrNoValue) {
		return text, missing
	}
	has, err := p.Director.ConfigServer(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the director for its config server: %w", err)
	}
	if !has {
		return nil, fmt.Errorf("%w; give them in params.vars or params.vars_files", missing)
	}
	t.Partial = true
	return template.Render(t)
}

// accept validates a rendered manifest.
func (p *Plan) accept(text []byte, name string) error {
	parsed, err := deployment.Parse(template.File{Name: name, Text: text})
	if err != nil {
		return err
	}
	if parsed.Name != p.Request.Deployment {
		return fmt.Errorf("validate %s: its name is %q, but source.deployment is %q", name, parsed.Name, p.Request.Deployment)
	}
	if len(parsed.InstanceGroups) == 0 {
		return fmt.Errorf("validate %s: it has no instance_groups; deploying it would delete every instance", name)
	}
	p.Rendered, p.Manifest = text, text
	p.Digest, err = template.Digest(text)
	return err
}
