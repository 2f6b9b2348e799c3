package choice_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/choice"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

// director is one that exists, with cloud configs.
type director struct {
	texts  []string
	cpi    string
	broken map[string]error // by what cannot be asked
	asked  bool             // for its CPI
}

// CloudConfigs implements choice.Director.
func (d *director) CloudConfigs(context.Context) (list [][]byte, err error) {
	for _, text := range d.texts {
		list = append(list, []byte(text))
	}
	return list, d.broken["cloud config"]
}

// CPI implements choice.Director.
func (d *director) CPI(context.Context) (string, error) {
	d.asked = true
	return d.cpi, d.broken["cpi"]
}

// cloudConfig has one name for everything but the VMs, and two of those.
const cloudConfig = `
azs: [{name: z1}]
vm_types: [{name: default}, {name: large}]
disk_types: [{name: small}]
networks: [{name: private, subnets: [{az: z1}]}]
`

const (
	url     = "https://director.example.com:25555"
	vsphere = "bosh-vsphere-esxi-ubuntu-jammy-go_agent"
)

// What there is no doubt about is found. It is kept, so that what is added to the cloud
// config later does not move a VM.
func TestNames_areFoundOnce(t *testing.T) {
	d := &director{texts: []string{cloudConfig}, cpi: "vsphere_cpi"}
	given := config.Cloud{VMTypes: config.VMTypes{Worker: "large"}, WebAddress: "10.0.0.20"}
	all, wrong, err := choice.Names(t.Context(), d, url, given, config.Cloud{})
	want := config.Cloud{
		AZs: []string{"z1"}, VMTypes: config.VMTypes{Web: "default", Worker: "large", Database: "default"},
		DiskType: "small", Network: "private", WebAddress: "10.0.0.20", Stemcell: vsphere,
	}
	if err != nil || len(wrong) > 0 || !reflect.DeepEqual(all, want) {
		t.Fatalf("it finds %+v, %v, %v", all, wrong, err)
	}
	found := choice.Found(all, given)
	// What the user gives is not among them: it is theirs to change.
	kept := want
	kept.VMTypes.Worker, kept.WebAddress, kept.Stemcell = "", "", vsphere
	if !reflect.DeepEqual(*found, kept) {
		t.Errorf("it keeps %+v", *found)
	}

	// Others have added a type that would be taken, a second network and a second disk.
	d.texts = append(d.texts, "vm_types: [{name: web}]\ndisk_types: [{name: database}]\nnetworks: [{name: default, subnets: [{az: z1}]}]\n")
	again, wrong, err := choice.Names(t.Context(), d, url, given, *found)
	if err != nil || len(wrong) > 0 || !reflect.DeepEqual(again, want) {
		t.Errorf("later it finds %+v, %v, %v", again, wrong, err)
	}
	if first, _, err := choice.Names(t.Context(), d, url, given, config.Cloud{}); err != nil || first.VMTypes.Web != "web" || first.Network != "default" || first.DiskType != "database" {
		t.Errorf("a first deploy finds %+v, %v", first, err)
	}
}

// Each name that the user gives is left out of what is kept.
func TestFound_leavesOutWhatIsGiven(t *testing.T) {
	all := config.Cloud{
		AZs: []string{"z1"}, VMTypes: config.VMTypes{Web: "w", Worker: "k", Database: "d"},
		DiskType: "disk", Network: "n", WebAddress: "10.0.0.20", Stemcell: "s",
	}
	if got := choice.Found(all, config.Cloud{}); !reflect.DeepEqual(*got, all) {
		t.Errorf("of names that nobody has given it keeps %+v", *got)
	}
	if got := choice.Found(all, all); !reflect.DeepEqual(*got, config.Cloud{}) {
		t.Errorf("of names that are given it keeps %+v", *got)
	}
	if all.VMTypes.Web != "w" || all.AZs[0] != "z1" {
		t.Errorf("what was handed in is %+v", all)
	}
}

func TestNames_sayWhatIsMissing(t *testing.T) {
	failed := errors.New("no answer")
	for name, of := range map[string]struct {
		director director
		says     []string
	}{
		"no cloud config":           {director{}, []string{"the director at " + url + " has no cloud config", "nothing was changed", "bosh update-cloud-config"}},
		"a director without answer": {director{broken: map[string]error{"cloud config": failed}}, []string{"read the director's cloud config: no answer; nothing was changed"}},
		"a text that is not YAML":   {director{texts: []string{"azs: ["}}, []string{"read the director's cloud config"}},
		"no answer about the CPI":   {director{texts: []string{cloudConfig}, broken: map[string]error{"cpi": failed}}, []string{"ask the director for its CPI: no answer"}},
		"a CPI that nobody knows":   {director{texts: []string{cloudConfig}, cpi: "moon_cpi"}, []string{"cloud.stemcell", `calls itself "moon_cpi"`, "vsphere_cpi"}},
	} {
		d := of.director
		_, wrong, err := choice.Names(t.Context(), &d, url, config.Cloud{}, config.Cloud{})
		testkit.Refused(t, name, err, of.says...)
		if len(wrong) > 0 {
			t.Errorf("%s: it says %v, too", name, wrong)
		}
	}
}

// The CPI is asked for only where it decides.
func TestNames_askForTheCPIWhereItDecides(t *testing.T) {
	d := &director{texts: []string{cloudConfig}, broken: map[string]error{"cpi": errors.New("no answer")}}
	all, _, err := choice.Names(t.Context(), d, url, config.Cloud{Stemcell: "own-stemcell"}, config.Cloud{})
	if err != nil || all.Stemcell != "own-stemcell" || d.asked {
		t.Errorf("with a stemcell that is given: %q, %v; asked: %t", all.Stemcell, err, d.asked)
	}
	_, wrong, err := choice.Names(t.Context(), d, url, config.Cloud{Network: "other"}, config.Cloud{})
	if err != nil || len(wrong) != 1 || wrong[0].Key != "cloud.network" || d.asked {
		t.Errorf("with a network that is not there: %v, %v; asked: %t", wrong, err, d.asked)
	}
}
