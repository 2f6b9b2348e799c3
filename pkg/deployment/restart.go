package deployment

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

// The gate of this project is added with an upgrade that restarts web anyway:
// it is no reason for one. The names are those of pkg/boshrelease.
const (
	gateRelease = "perpetual"
	gateJob     = "gate"
)

// RestartsWeb says whether deploying wanted changes what runs on the web groups:
// their jobs and properties, the versions of the releases and of the stemcell,
// networks, VM type and the like, also what the manifest says for all groups. The
// order and the update of groups, their number of instances and the gate are no
// changes. What web gets through links and configs of the director does not show
// in a manifest. A first deploy (nothing is deployed) is one.
func RestartsWeb(deployed, wanted []byte) (bool, error) {
	if len(deployed) == 0 {
		return true, nil
	}
	was, err := webs(deployed)
	if err != nil {
		return false, fmt.Errorf("parse the deployed manifest: %w", err)
	}
	will, err := webs(wanted)
	if err != nil {
		return false, fmt.Errorf("parse the wanted manifest: %w", err)
	}
	return !reflect.DeepEqual(was, will), nil
}

// webs are the web groups by name, as far as a difference restarts them.
func webs(text []byte) (map[string]any, error) {
	var m struct {
		Groups    []map[string]any `yaml:"instance_groups"`
		Stemcells []struct {
			Alias string
			Rest  map[string]any `yaml:",inline"`
		}
		Properties any
		Features   any
		Addons     []struct {
			Jobs []job
			Rest map[string]any `yaml:",inline"`
		}
	}
	d, err := parseDocument(template.File{Text: text}, &m)
	if err != nil {
		return nil, err
	}
	common := map[string]any{"properties": m.Properties, "features": m.Features, "addons": m.Addons}
	all := map[string]any{}
	for _, i := range d.indexes((*group).isWeb) {
		g, spec := d.groups[i], template.TextKeys(m.Groups[i]).(map[string]any)
		spec["jobs"] = withoutGate(spec["jobs"])
		for _, s := range m.Stemcells {
			if s.Alias == spec["stemcell"] {
				spec["stemcell"] = s.Rest // whatever it is called
			}
		}
		delete(spec, "instances")
		delete(spec, "update")
		versions := map[string]string{}
		jobs := g.Jobs
		for _, addon := range m.Addons {
			jobs = slices.Concat(jobs, addon.Jobs)
		}
		for _, j := range jobs {
			if j.Release != gateRelease || j.Name != gateJob {
				versions[j.Release], _ = d.release(j.Release)
			}
		}
		all[g.Name] = []any{spec, versions, common}
	}
	return all, nil
}

// withoutGate are the jobs of a group but for the gate.
func withoutGate(jobs any) []any {
	list, _ := jobs.([]any)
	return slices.DeleteFunc(slices.Clone(list), func(item any) bool {
		m, _ := item.(map[string]any)
		return m["release"] == gateRelease && m["name"] == gateJob
	})
}
