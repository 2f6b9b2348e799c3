package cloud_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/cloud"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// plainCloud is a cloud config in which nothing is in doubt.
const plainCloud = `
azs: [{name: z1}, {name: z2}, {name: z3}]
vm_types: [{name: default}]
disk_types: [{name: default}]
networks:
- {name: floating, type: vip}
- {name: private, type: manual, subnets: [{azs: [z3, z1]}, {az: z2}]}
`

func TestNames_chooseWhatThereIsNoDoubtAbout(t *testing.T) {
	all := config.VMTypes{Web: "default", Worker: "default", Database: "default"}
	for name, c := range map[string]struct {
		texts         []string
		given, before config.Cloud
		want          config.Cloud
	}{
		"the only ones": {texts: []string{plainCloud}, want: config.Cloud{VMTypes: all, DiskType: "default", Network: "private", AZs: []string{"z1", "z2", "z3"}}},
		"by what they are for": {
			texts: []string{"azs: [{name: a}]\nvm_types: [{name: x}, {name: worker}, {name: db}, {name: web}]\ndisk_types: [{name: x}, {name: database}]\nnetworks: [{name: x, subnets: [{az: a}]}, {name: default, subnets: [{az: a}]}]"},
			want:  config.Cloud{VMTypes: config.VMTypes{Web: "web", Worker: "worker", Database: "db"}, DiskType: "database", Network: "default", AZs: []string{"a"}},
		},
		"those that are given": {
			texts: []string{plainCloud, "vm_types: [{name: large}]\ndisk_types: [{name: fast}]"}, // the director joins them
			given: config.Cloud{VMTypes: config.VMTypes{Worker: "large"}, DiskType: "fast", Network: "private", AZs: []string{"z2"}, WebAddress: "10.0.0.9"},
			want:  config.Cloud{VMTypes: config.VMTypes{Web: "default", Worker: "large", Database: "default"}, DiskType: "fast", Network: "private", AZs: []string{"z2"}, WebAddress: "10.0.0.9"},
		},
		"those of before": { // whatever was added since
			texts:  []string{plainCloud, "networks: [{name: second, subnets: [{az: z1}]}]\nvm_types: [{name: web}]"},
			before: config.Cloud{VMTypes: all, DiskType: "gone", Network: "private", AZs: []string{"z1", "z9"}},
			want:   config.Cloud{VMTypes: all, DiskType: "default", Network: "private", AZs: []string{"z1"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, problems := choose(t, c.texts, c.given, c.before)
			if diff := cmp.Diff(c.want, got); diff != "" || len(problems) > 0 {
				t.Errorf("%v, (-want +got):\n%s", problems, diff)
			}
		})
	}
}

func TestNames_sayWhichKeyIsNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		given config.Cloud
		want  string
	}{
		"two networks":      {strings.Replace(plainCloud, "floating, type: vip", "public, subnets: [{az: z1}]", 1), config.Cloud{}, "cloud.network: is needed: the director's cloud config has the networks public, private, and none is called default"},
		"an unknown type":   {plainCloud, config.Cloud{VMTypes: config.VMTypes{Web: "huge"}}, "cloud.vm_types.web: huge is not in the director's cloud config, which has the vm types default"},
		"two disks":         {strings.Replace(plainCloud, "disk_types: [{name: default}]", "disk_types: [{name: 1GB}, {name: 9GB}]", 1), config.Cloud{}, "cloud.disk_type: is needed: the director's cloud config has the disk types 1GB, 9GB, and none is called database or db or default"},
		"no disks":          {strings.Replace(plainCloud, "disk_types: [{name: default}]", "", 1), config.Cloud{}, "cloud.disk_type: the director's cloud config has no disk types"},
		"a foreign zone":    {plainCloud, config.Cloud{AZs: []string{"z1", "z7"}}, "cloud.azs[1]: network private of the director's cloud config is not in z7; it is in z1, z2, z3"},
		"no zones":          {"vm_types: [{name: default}]\ndisk_types: [{name: default}]\nnetworks: [{name: flat, subnets: [{range: 10.0.0.0/24}]}]", config.Cloud{}, "cloud.network: no subnet of flat in the director's cloud config is in an availability zone, and each VM is put into one"},
		"a floating one":    {plainCloud, config.Cloud{Network: "floating"}, "cloud.network: floating is not in the director's cloud config, which has the networks private"},
		"no worker of many": {strings.Replace(plainCloud, "vm_types: [{name: default}]", "vm_types: [{name: web}, {name: db}]", 1), config.Cloud{}, "cloud.vm_types.worker: is needed: the director's cloud config has the vm types web, db, and none is called worker or default"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, problems := choose(t, []string{c.text}, c.given, config.Cloud{}); len(problems) != 1 || problems[0].Error() != c.want {
				t.Errorf("got  %v\nwant %s", problems, c.want)
			}
		})
	}
	if _, problems := choose(t, nil, config.Cloud{}, config.Cloud{}); len(problems) != 5 {
		t.Errorf("without a cloud config: %v", problems)
	}
	if _, err := cloud.ReadNames([][]byte{[]byte("azs: 7")}); err == nil || !strings.Contains(err.Error(), "read the director's cloud config") {
		t.Errorf("of what is none: %v", err)
	}
}

func choose(t *testing.T, texts []string, given, before config.Cloud) (config.Cloud, schema.Problems) {
	t.Helper()
	var all [][]byte
	for _, text := range texts {
		all = append(all, []byte(text))
	}
	names, err := cloud.ReadNames(all)
	if err != nil {
		t.Fatal(err)
	}
	return names.Choose(given, before)
}

func TestStemcellOf_isThatOfTheCPI(t *testing.T) {
	if name, err := cloud.StemcellOf("vsphere_cpi"); err != nil || name != "bosh-vsphere-esxi-ubuntu-jammy-go_agent" {
		t.Errorf("%s, %v", name, err)
	}
	if _, err := cloud.StemcellOf("rackhd_cpi"); err == nil || !strings.Contains(err.Error(), `cloud.stemcell: is needed: the director's CPI calls itself "rackhd_cpi"`) {
		t.Error(err)
	}
}
