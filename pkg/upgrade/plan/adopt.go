package plan

import (
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/adoption"
	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// adopt compares the bundled manifest with the deployed one, before it is filled in: a
// put that forgets params.manifest, or an ops file, would move a running Concourse to an
// empty database. What params.adopt allows it says; otherwise it refuses what leaves
// data behind, and all that differs from a manifest that was never made from the
// bundled one.
func (p *Plan) adopt(t template.Template, given []map[string]any) error {
	if p.Request.Input.OwnManifest || len(p.Deployed.Manifest) == 0 {
		return nil
	}
	changes, ours, err := structure(t, p.Deployed.Manifest, given)
	if err != nil {
		return err
	}
	data := slices.ContainsFunc(changes, func(c adoption.Change) bool { return c.Data })
	if len(changes) == 0 || ours && !data {
		return nil
	}
	if p.Request.Adopt {
		for _, c := range changes {
			if text := "adopt: " + c.What; !slices.Contains(p.adopted, text) {
				p.adopted = append(p.adopted, text)
				p.Note("%s", text)
			}
		}
		return nil
	}
	return fmt.Errorf("refuse to deploy the bundled manifest over another one: %s; nothing was changed; "+
		"give params.manifest (or the ops_files) that %s was deployed with, or take it over with params.adopt: true, first with dry_run: true", adoption.Text(changes), p.Request.Deployment)
}

// structure says what a template would change of the structure of what is deployed, and
// whether that may have been made from it.
func structure(t template.Template, deployed []byte, given []map[string]any) (changes []adoption.Change, ours bool, err error) {
	t.Partial, t.Vars = true, nil
	text, err := template.Render(t)
	if err != nil {
		return nil, false, err
	}
	kept, _, err := template.Keep(text, deployed)
	if err != nil {
		return nil, false, fmt.Errorf("compare with the deployed manifest: %w", err)
	}
	t.Vars = slices.Concat([]map[string]any{bundle.ConcourseDefaults(), kept}, given)
	if text, err = template.Render(t); err != nil {
		return nil, false, err
	}
	if changes, err = adoption.Compare(deployed, text, boshrelease.Name); err != nil {
		return nil, false, err
	}
	ours, err = adoption.MadeFrom(bundle.ConcourseCore(), deployed, text)
	return changes, ours, err
}
