package inventory_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/deployment"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

const jammy = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"

// of is what a manifest takes, as a put renders it.
func of(t *testing.T, text string) []inventory.Wanted {
	t.Helper()
	rendered, err := template.Render(template.Template{File: template.File{Name: "manifest.yml", Text: []byte("name: concourse\n" + text)}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := deployment.Parse(template.File{Name: "manifest.yml", Text: rendered})
	if err != nil {
		t.Fatal(err)
	}
	return inventory.Of(d)
}

func TestOf_listsWhatAManifestTakes(t *testing.T) {
	got := of(t, `
releases:
- {name: concourse, version: 8.2.5, url: "https://h/c.tgz", sha1: c1}
- {name: bpm, version: latest}
- {name: uaa, version: 79, exported_from: [{os: ubuntu-jammy, version: "1.484"}]}
- {name: addon, version: 1.10}
stemcells:
- {alias: default, os: ubuntu-jammy, version: "1.484"}
- {alias: old, name: bosh-vsphere-esxi-ubuntu-bionic-go_agent, version: 1.latest}
instance_groups:
- {name: web, stemcell: default, jobs: [{name: web, release: concourse}, {name: bpm, release: bpm}]}
- {name: worker, stemcell: old, jobs: [{name: worker, release: concourse}]}
- {name: stray, stemcell: nowhere, jobs: [{name: uaa, release: uaa}]}
addons:
- {name: all, jobs: [{name: addon, release: addon}]}
`)
	byOS := inventory.Wanted{Stemcell: true, OS: "ubuntu-jammy", Asked: "1.484", Version: "1.484"}
	byName := inventory.Wanted{Stemcell: true, Name: "bosh-vsphere-esxi-ubuntu-bionic-go_agent", Asked: "1.latest"}
	want := []inventory.Wanted{
		{Name: "concourse", Asked: "8.2.5", Version: "8.2.5", URL: "https://h/c.tgz", SHA1: "c1", On: []inventory.Wanted{byOS, byName}},
		{Name: "bpm", Asked: "latest", On: []inventory.Wanted{byOS}},
		{Name: "uaa", Asked: "79", Version: "79", ExportedFrom: "ubuntu-jammy/1.484"},
		{Name: "addon", Asked: "1.1", Version: "1.1", On: []inventory.Wanted{byOS, byName}}, // to BOSH, too
		byOS, byName,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("it takes (-want +got):\n%s", diff)
	}
}

func TestIs_knowsStemcellsByNameAndOS(t *testing.T) {
	for _, c := range []struct {
		wanted   inventory.Wanted
		name, os string
		want     bool
	}{
		{inventory.Wanted{Name: jammy}, jammy, "", true},
		{inventory.Wanted{Name: jammy}, jammy, "ubuntu-jammy", true},
		{inventory.Wanted{Name: jammy}, "bosh-google-kvm-ubuntu-jammy-go_agent", "ubuntu-jammy", false},
		{inventory.Wanted{Name: jammy}, strings.ToUpper(jammy), "", false}, // names have a case, to BOSH as well
		{inventory.Wanted{OS: "ubuntu-jammy"}, jammy, "ubuntu-jammy", true},
		{inventory.Wanted{OS: "ubuntu-jammy"}, jammy, "", true},
		{inventory.Wanted{OS: "ubuntu-jammy"}, "bosh-openstack-kvm-ubuntu-jammy-go_agent-raw", "", true},
		{inventory.Wanted{OS: "ubuntu-noble"}, "bosh-aws-xen-hvm-ubuntu-noble", "", true}, // of newer ones
		{inventory.Wanted{OS: "windows2019"}, "bosh-aws-xen-hvm-windows2019-go_agent", "", true},
		{inventory.Wanted{OS: "ubuntu-jammy-fips"}, "bosh-aws-xen-hvm-ubuntu-jammy-fips-go_agent", "", true},
		{inventory.Wanted{OS: "ubuntu-jammy"}, "bosh-aws-xen-hvm-ubuntu-jammy-fips-go_agent", "", false},
		{inventory.Wanted{OS: "ubuntu-jammy"}, "bosh-aws-xen-hvm-ubuntu-noble", "", false},
		{inventory.Wanted{OS: "jammy"}, "x-jammy-go_agent", "ubuntu-jammy", false}, // where the OS is known, it counts
		{inventory.Wanted{}, "anything", "", false},
	} {
		if got := c.wanted.Is(c.name, c.os); got != c.want {
			t.Errorf("%+v is %q, %q: %t", c.wanted, c.name, c.os, got)
		}
	}
}

func TestResolve_takesTheNewestAsBOSHDoes(t *testing.T) {
	releases := []bosh.Release{{Name: "concourse", Version: "8.2.9"}, {Name: "concourse", Version: "8.2.10"}, {Name: "concourse", Version: "8.10.1"}, {Name: "concourse", Version: "80.1"}, {Name: "bpm", Version: "9"}, {Name: "dev", Version: "1+dev.2"}, {Name: "dev", Version: "1+dev.10"}, {Name: "odd", Version: "?"}}
	stemcells := []bosh.Stemcell{{Name: jammy, Version: "1.9"}, {Name: jammy, Version: "1.10", OS: "ubuntu-jammy"}, {Name: "bosh-aws-xen-hvm-ubuntu-noble", Version: "1.99", OS: "ubuntu-noble"}}
	for _, c := range []struct {
		wanted inventory.Wanted
		want   string
	}{
		{inventory.Wanted{Name: "concourse", Asked: "latest"}, "80.1"},
		{inventory.Wanted{Name: "concourse", Asked: "8.latest"}, "8.10.1"}, // not 80.1
		{inventory.Wanted{Name: "concourse", Asked: "8.2.latest"}, "8.2.10"},
		{inventory.Wanted{Name: "concourse", Asked: "7.latest"}, ""},
		{inventory.Wanted{Name: "concourse", Asked: "8.2.9", Version: "8.2.9"}, "8.2.9"},
		{inventory.Wanted{Name: "dev", Asked: "latest"}, "1+dev.10"},
		{inventory.Wanted{Name: "odd", Asked: "latest"}, "?"},
		{inventory.Wanted{Name: "uaa", Asked: "latest"}, ""},
		{inventory.Wanted{Stemcell: true, OS: "ubuntu-jammy", Asked: "latest"}, "1.10"},
		{inventory.Wanted{Stemcell: true, Name: jammy, Asked: "1.latest"}, "1.10"},
		{inventory.Wanted{Stemcell: true, OS: "ubuntu-bionic", Asked: "latest"}, ""},
	} {
		of := inventory.Wanted{Name: "x", Asked: "1", Version: "1", On: []inventory.Wanted{c.wanted}}
		got := inventory.Resolve([]inventory.Wanted{c.wanted, of}, releases, stemcells)
		if got[0].Version != c.want || got[1].On[0].Version != c.want || of.On[0].Version != c.wanted.Version {
			t.Errorf("%s is %q, and below a release %q, want %q", c.wanted, got[0].Version, got[1].On[0].Version, c.want)
		}
	}
}

func TestUsable_takesSourcesOrWhatIsCompiledForTheStemcell(t *testing.T) {
	source := bosh.Package{Name: "a", Source: true}
	compiled := func(on ...string) bosh.Package { return bosh.Package{Name: "b", Compiled: on} }
	on := func(stemcells ...inventory.Wanted) inventory.Wanted {
		return inventory.Wanted{Name: "r", On: stemcells}
	}
	byOS := inventory.Wanted{Stemcell: true, OS: "ubuntu-jammy", Version: "1.484"}
	byName := inventory.Wanted{Stemcell: true, Name: jammy, Version: "1.484"}
	noble := inventory.Wanted{Stemcell: true, OS: "ubuntu-noble", Version: "1.2"}
	for name, c := range map[string]struct {
		wanted   inventory.Wanted
		packages []bosh.Package
		flaw     string // for what it is compiled where it cannot be used
		usable   bool
	}{
		"sources":                       {on(byOS), []bosh.Package{source, source}, "", true},
		"no packages":                   {on(byOS), nil, "", true}, // jobs only
		"compiled for the stemcell":     {on(byOS), []bosh.Package{compiled("ubuntu-jammy/1.484")}, "", true},
		"for another of its major":      {on(byName), []bosh.Package{compiled("ubuntu-jammy/1.1")}, "", true},
		"for another major":             {on(byOS), []bosh.Package{compiled("ubuntu-jammy/10.484")}, "ubuntu-jammy/10.484", false},
		"for another OS":                {on(byName), []bosh.Package{compiled("ubuntu-bionic/1.484")}, "ubuntu-bionic/1.484", false},
		"for one of two":                {on(byOS, noble), []bosh.Package{compiled("ubuntu-jammy/1.484")}, "ubuntu-jammy/1.484", false},
		"for both":                      {on(byOS, noble), []bosh.Package{compiled("ubuntu-noble/1.9", "ubuntu-jammy/1.484")}, "", true},
		"sources in part":               {on(byOS), []bosh.Package{source, compiled("x/1", "x/1")}, "x/1", false},
		"neither":                       {on(byOS), []bosh.Package{compiled()}, "", false},
		"no group uses it":              {on(), []bosh.Package{compiled("x/1")}, "", true},
		"exported from another":         {inventory.Wanted{ExportedFrom: "ubuntu-jammy/1.5"}, []bosh.Package{source, compiled("ubuntu-jammy/1.4")}, "ubuntu-jammy/1.4", false},
		"exported from it, to the dot":  {inventory.Wanted{ExportedFrom: "ubuntu-jammy/1.5"}, []bosh.Package{compiled("ubuntu-jammy/1.5")}, "", true},
		"a stemcell that is not there":  {on(inventory.Wanted{Stemcell: true, OS: "ubuntu-jammy", Asked: "latest"}), []bosh.Package{compiled("ubuntu-jammy/1.4")}, "ubuntu-jammy/1.4", false},
		"a stemcell of raw disk format": {on(inventory.Wanted{Stemcell: true, Name: "bosh-openstack-kvm-ubuntu-jammy-go_agent-raw", Version: "1.5"}), []bosh.Package{compiled("ubuntu-jammy/1.4")}, "", true},
	} {
		if flaw, usable := c.wanted.Usable(c.packages); usable != c.usable || strings.Join(flaw, " ") != c.flaw {
			t.Errorf("%s: usable %t, compiled for %q", name, usable, flaw)
		}
	}
}

// set is that of the bundled pipeline, with a stemcell.
func set(name, stemcell string) []component.Component {
	return []component.Component{
		{Name: "concourse", Kind: component.KindRelease, Version: "8.2.5"},
		{Name: "bpm", Kind: component.KindRelease, Version: "1.4.38"},
		{Name: "stemcell", Kind: component.KindStemcell, Upstream: name, Version: stemcell},
		{Name: "perpetual", Kind: component.KindGitHub, Version: "1.3.0"},
	}
}

// Whoever takes the set must not be refused: that would stop security updates.
func TestConflicts_areWhatAManifestDoesNotTakeOfASet(t *testing.T) {
	const releases = "releases: [{name: concourse, version: 8.2.5}, {name: bpm, version: 1.4.38}]\n"
	for name, c := range map[string]struct {
		stemcell, version string
		manifest          string
		want              string
	}{
		"by name":                    {jammy, "1.484", releases + "stemcells: [{alias: x, name: " + jammy + ", version: '1.484'}]", ""},
		"by OS":                      {jammy, "1.484", releases + "stemcells: [{alias: x, os: ubuntu-jammy, version: '1.484'}]", ""},
		"by OS, without go_agent":    {"bosh-aws-xen-hvm-ubuntu-noble", "1.2", releases + "stemcells: [{alias: x, os: ubuntu-noble, version: '1.2'}]", ""},
		"by OS, of raw disk format":  {"bosh-openstack-kvm-ubuntu-jammy-go_agent-raw", "1.484", releases + "stemcells: [{alias: x, os: ubuntu-jammy, version: '1.484'}]", ""},
		"a number that stays":        {jammy, "1.484", releases + "stemcells: [{alias: x, os: ubuntu-jammy, version: 1.484}]", ""},
		"a whole number":             {jammy, "621", releases + "stemcells: [{alias: x, os: ubuntu-jammy, version: 621}]", ""},
		"a number that loses its 0":  {jammy, "1.10", releases + "stemcells: [{alias: x, os: ubuntu-jammy, version: 1.10}]", "stemcell: the set has 1.10, the manifest 1.1, which needs quotes to stay 1.10"},
		"a release more":             {jammy, "1.484", "releases: [{name: concourse, version: 8.2.5}, {name: uaa, version: 79}]\nstemcells: [{alias: x, os: ubuntu-jammy, version: '1.484'}]", ""},
		"a stemcell more":            {jammy, "1.484", releases + "stemcells: [{alias: x, os: ubuntu-jammy, version: '1.484'}, {alias: y, os: windows2019, version: '2019.1'}]", ""},
		"two aliases of one":         {jammy, "1.484", releases + "stemcells: [{alias: x, os: ubuntu-jammy, version: '1.484'}, {alias: y, name: " + jammy + ", version: '1.484'}]", ""},
		"one of two aliases pinned":  {jammy, "1.484", releases + "stemcells: [{alias: x, os: ubuntu-jammy, version: '1.484'}, {alias: y, os: ubuntu-jammy, version: '1.1'}]", "stemcell: the set has 1.484, the manifest 1.1"},
		"no stemcells":               {jammy, "1.484", releases, ""},
		"another IaaS's by name":     {jammy, "1.484", releases + "stemcells: [{alias: x, name: bosh-google-kvm-ubuntu-jammy-go_agent, version: '1.484'}]", "stemcell: the set has " + jammy + " 1.484, the manifest bosh-google-kvm-ubuntu-jammy-go_agent 1.484"},
		"a pinned release":           {jammy, "1.484", "releases: [{name: concourse, version: 8.2.4}]\nstemcells: [{alias: x, os: ubuntu-jammy, version: '1.484'}]", "concourse: the set has 8.2.5, the manifest 8.2.4"},
		"latest that is not there":   {jammy, "1.484", "releases: [{name: concourse, version: latest}]\n", "concourse: the set has 8.2.5, the manifest nothing that the director has (latest)"},
		"no releases but of others'": {jammy, "1.484", "releases: [{name: vault, version: 1}]\n", ""},
	} {
		var got []string
		for _, conflict := range inventory.Conflicts(set(c.stemcell, c.version), of(t, c.manifest)) {
			got = append(got, conflict.String())
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestBrought_isWhatADirectorGetsOfASet(t *testing.T) {
	releases, stemcells := inventory.Brought(set(jammy, "1.484"))
	if diff := cmp.Diff([]bosh.Release{{Name: "concourse", Version: "8.2.5"}, {Name: "bpm", Version: "1.4.38"}}, releases); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]bosh.Stemcell{{Name: jammy, Version: "1.484"}}, stemcells); diff != "" {
		t.Errorf("stemcells (-want +got):\n%s", diff)
	}
}
