package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

func TestDirectorVersions_areThoseOfTheRenderedManifest(t *testing.T) {
	ops := func(text string) []template.File { return []template.File{{Name: "ops.yml", Text: []byte(text)}} }
	bundled := map[string]string{"bosh": "283.1.6", "bpm": "1.4.38", "bosh-aws-cpi": "107.3.2", "stemcell aws-xen-hvm-ubuntu-noble": "1.484"}
	with := func(change func(map[string]string)) map[string]string {
		all := map[string]string{}
		for name, version := range bundled {
			all[name] = version
		}
		change(all)
		return all
	}
	cases := []struct {
		name string
		user manifest.User
		want map[string]string
	}{
		{"as bundled", manifest.User{}, bundled},
		{"another version by a variable", manifest.User{Vars: []map[string]any{{"director_bosh_version": "299.0.0"}}}, with(func(v map[string]string) { v["bosh"] = "299.0.0" })},
		{"another version by ops", manifest.User{DirectorOpsFiles: ops("- {type: replace, path: /releases/name=bosh/version, value: '1.10'}")},
			with(func(v map[string]string) { v["bosh"] = "1.10" })},
		{"one that is not said", manifest.User{DirectorOpsFiles: ops("- {type: remove, path: /releases/name=bosh/version}")},
			with(func(v map[string]string) { delete(v, "bosh") })},
		{"a regular stemcell", manifest.User{Vars: []map[string]any{{"director_stemcell_url": "https://x/y/bosh-stemcell-1.12.3-aws-xen-hvm-ubuntu-jammy-go_agent.tgz?a=b.tgz"}}},
			with(func(v map[string]string) {
				delete(v, "stemcell aws-xen-hvm-ubuntu-noble")
				v["stemcell aws-xen-hvm-ubuntu-jammy"] = "1.12.3"
			})},
		{"a stemcell on bosh.io", manifest.User{Vars: []map[string]any{{"director_stemcell_url": "https://bosh.io/d/stemcells/bosh-aws-xen-hvm-ubuntu-noble?v=1.500"}}},
			with(func(v map[string]string) { v["stemcell aws-xen-hvm-ubuntu-noble"] = "1.500" })},
		{"a stemcell under another name", manifest.User{Vars: []map[string]any{{"director_stemcell_url": "file:///tmp/ours.tgz"}}},
			with(func(v map[string]string) { delete(v, "stemcell aws-xen-hvm-ubuntu-noble") })},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := inputs(t)["default"]
			in.User, in.Credentials = c.user, nil
			got, err := manifest.DirectorVersions(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
	in := inputs(t)["default"]
	in.User.DirectorOpsFiles = ops("- {type: replace, path: /releases, value: 7}")
	if got, err := manifest.DirectorVersions(in); err == nil {
		t.Errorf("releases of another form are read as %v", got)
	}
}
