package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// bundledName is the pipeline's name where neither params nor the build give one.
const bundledName = "self-upgrade"

// defaultTeam is the team of a source that names none.
const defaultTeam = "main"

// pipelinePlan is the pipeline to set, rendered and validated.
type pipelinePlan struct {
	skip    string // why none is set
	ref     concourse.Pipeline
	bundled bool // made from the bundled pipeline
	config  []byte
	kept    map[string]any // the values that the running pipeline has
	program string         // version of the Perpetual that this build's pipeline has, where it is that one
	foreign concourse.Foreign
}

// whenDown is the way out when Concourse itself does not answer.
const whenDown = "if Concourse is down because a deploy died, put with params.pipeline.skip: true from outside of it"

// planPipeline renders the pipeline. It changes nothing.
func (o Out) planPipeline(ctx context.Context, r *run) (pipelinePlan, error) {
	asked := Pipeline{}
	if r.Pipeline != nil {
		asked = *r.Pipeline
	}
	if asked.Skip {
		return pipelinePlan{skip: "skipped, as params.pipeline.skip says"}, nil
	}
	if o.ATC == nil {
		if r.Pipeline != nil {
			return pipelinePlan{}, errors.New("params.pipeline needs source.concourse")
		}
		return pipelinePlan{skip: "skipped, as the source has no concourse section"}, nil
	}
	plan := pipelinePlan{}
	var err error
	if plan.ref, err = o.pipelineRef(asked, r.Team); err != nil {
		return pipelinePlan{}, err
	}
	running, err := o.ATC.PipelineConfig(ctx, plan.ref)
	if concourse.Refused(err) {
		return pipelinePlan{}, err
	}
	if err != nil {
		return pipelinePlan{}, fmt.Errorf("%w; %s", err, whenDown)
	}
	if plan.ref.Name == o.Build.Pipeline {
		plan.program = o.Program
	}
	bundled := r.Input.Pipeline.File.Name == ""
	plan.bundled = bundled
	if bundled && asked.Name == "" && running.Exists && !isBundled(running.YAML) {
		return pipelinePlan{}, fmt.Errorf("pipeline %s is not made from the bundled one, which would replace it; give params.pipeline.file, params.pipeline.name, or params.pipeline.skip: true", plan.ref)
	}
	return plan, plan.render(r, o.Program, running, bundled)
}

// render fills in the pipeline as fly does. Variables without a value stay in place
// for Concourse's credential manager. The bundled one keeps the values that are set
// now; a user's own file is taken as fly takes it: nothing but the params fills
// it in, so that ((var)) in it can take a literal's place.
func (p *pipelinePlan) render(r *run, program string, running concourse.PipelineConfig, bundled bool) (err error) {
	in := r.Input.Pipeline
	t := template.Pipeline{
		File: in.File, OpsFiles: in.OpsFiles, Vars: in.Vars, VarsFiles: in.VarsFiles, InstanceVars: p.ref.InstanceVars,
	}
	if bundled {
		t.File = template.File{Name: "the bundled pipeline", Text: pipelines.SelfUpgrade()}
		given := append([]map[string]any{r.Input.componentVars(), in.Vars, p.ref.InstanceVars}, in.VarsFiles...)
		if running.Exists {
			template := template.Template{File: t.File, OpsFiles: t.OpsFiles}
			if p.kept, err = keep(template, running.YAML, given, "set", "params.pipeline.vars"); err != nil {
				return err
			}
		}
		t.Defaults = append(t.Defaults, pipelines.SelfUpgradeDefaults(r.concourseVersion(), program), p.kept, r.Input.componentVars())
	}
	if p.config, err = template.RenderPipeline(t); err != nil || !bundled || !running.Exists {
		return err
	}
	// What people have added by hand, and this program's library knows nothing of.
	p.config, p.foreign, err = concourse.Keep(running.YAML, p.config, pipelines.Names())
	return err
}

// programBefore is the version of a program in the running pipeline; "" where it is not
// known. Perpetual's image is named there by a digest: of the set's own it is the set's
// version, of another one that of the program that runs, if it runs from there.
func (p pipelinePlan) programBefore(c component.Component) string {
	if c.Name != ownComponent {
		before, _ := p.kept[strings.ReplaceAll(c.Name, "-", "_")+"_version"].(string)
		return before
	}
	switch tag, _ := p.kept[ownTag].(string); {
	case tag == c.ImageTag():
		return c.Version
	case strings.HasPrefix(tag, "sha256:"):
		return p.program
	default:
		return tag
	}
}

// sayForeign says what people have added to the bundled pipeline, and what of that
// cannot stay.
func (o Out) sayForeign(p pipelinePlan) {
	if kept := p.foreign.Kept; len(kept) > 0 {
		o.say("pipeline %s keeps what the bundled one does not have: %s", p.ref, strings.Join(kept, ", "))
	}
	if lost := p.foreign.Lost; len(lost) > 0 {
		o.say("pipeline %s loses steps that the bundled one does not have: %s; add them with params.pipeline.ops_files", p.ref, strings.Join(lost, ", "))
	}
}

// concourseVersion is the version of Concourse that is deployed, or, in a first
// deploy, the one that will be; "" where neither says.
func (r *run) concourseVersion() string {
	deployed, err := inventory.Deployed(r.deployed)
	if version := deployed.Release(inventory.Concourse); err == nil && version != "" {
		return version
	}
	return r.stock.Version(inventory.Concourse)
}

// pipelineRef is the pipeline that the request names, else the build's own one, which
// must be in the team that the source may set pipelines in.
func (o Out) pipelineRef(asked Pipeline, team string) (concourse.Pipeline, error) {
	ref := concourse.Pipeline{Name: asked.Name, InstanceVars: asked.InstanceVars}
	if ref.Name != "" {
		return ref, nil
	}
	if team = cmp.Or(team, defaultTeam); o.Build.Team != "" && o.Build.Team != team {
		return concourse.Pipeline{}, fmt.Errorf("this build's pipeline is in team %q, but source.concourse.team is %q; make them the same, or name another pipeline in params.pipeline.name", o.Build.Team, team)
	}
	ref.Name = o.Build.Pipeline
	if ref.Name == "" {
		ref.Name = bundledName
	}
	var err error
	if ref.InstanceVars == nil {
		ref.InstanceVars, err = o.Build.vars()
	}
	return ref, err
}

// isBundled recognises a pipeline that was made from the bundled one, of this or
// another version, by its jobs and its two sides of the deployment.
func isBundled(text []byte) bool {
	var config struct {
		Resources []struct{ Name, Type string }
		Jobs      []struct{ Name string }
	}
	if yaml.Unmarshal(text, &config) != nil {
		return false
	}
	found := map[string]bool{}
	for _, r := range config.Resources {
		found[r.Type+" "+r.Name] = true
	}
	for _, j := range config.Jobs {
		found["job "+j.Name] = true
	}
	return found["perpetual components"] && found["perpetual deployment"] && found["job upgrade"] && found["job verify"]
}

func (o Out) setPipeline(ctx context.Context, r *run) (string, error) {
	if r.pipeline.skip != "" {
		return r.pipeline.skip, nil
	}
	o.Mask(resource.SecretVars(r.pipeline.kept)...)
	o.sayForeign(r.pipeline)
	change, err := o.ATC.SetPipeline(ctx, r.pipeline.ref, r.pipeline.config)
	if err != nil {
		return "", err
	}
	r.result.Pipeline.Change = change
	o.printPipeline(change.Diff)
	return fmt.Sprintf("%s %s", r.pipeline.ref, change), nil
}

func (o Out) previewPipeline(ctx context.Context, r *run) error {
	if r.pipeline.skip != "" {
		o.say("pipeline: %s", r.pipeline.skip)
		return nil
	}
	o.Mask(resource.SecretVars(r.pipeline.kept)...)
	o.sayForeign(r.pipeline)
	change, err := o.ATC.DiffPipeline(ctx, r.pipeline.ref, r.pipeline.config)
	if err != nil {
		return err
	}
	r.result.Pipeline.Change = change
	switch {
	case change.Created:
		o.say("pipeline %s would be created", r.pipeline.ref)
	case change.Updated:
		o.say("pipeline %s would change:", r.pipeline.ref)
	default:
		o.say("pipeline %s: unchanged", r.pipeline.ref)
	}
	o.printPipeline(change.Diff)
	return nil
}

// printPipeline shows a difference of pipelines as diff does.
func (o Out) printPipeline(lines []concourse.DiffLine) {
	for _, line := range lines {
		o.say("  %s %s", line.Op, line.Text)
	}
}
