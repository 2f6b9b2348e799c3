package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// The group data has a persistent disk, web has none.
const withDisk = wholeManifest + `- name: data
  azs: [z1]
  instances: 2
  vm_type: small
  stemcell: default
  persistent_disk: 1024
  networks: [{name: default}]
  jobs: [{name: web, release: concourse}]
`

func TestPersistentDisks_areThoseThatThereAre(t *testing.T) {
	d := director.New(t.Context(), director.Options{Scale: 0.002, Username: "admin", Password: "hush", DiskUsage: func(deployment, group string, index int) int {
		if deployment != "concourse" || group != "data" {
			t.Errorf("asked for the disk of %s of %s", group, deployment)
		}
		return 37 + index
	}})
	t.Cleanup(d.Close)
	err := d.Seed(director.Seed{
		CloudConfig: cloudConfig,
		Stemcells:   []director.SeedStemcell{{Name: "bosh-aws-xen-hvm-ubuntu-jammy-go_agent", OS: "ubuntu-jammy", Version: "1.484"}},
		Releases:    []director.SeedRelease{{Name: "concourse", Version: "8.2.5"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Deploy(t.Context(), []byte(withDisk)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(d)
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newClient(t, client.Config{Config: transport.Config{
		URL: server.URL, CACert: ca(server), Username: "admin", Password: secret.New("hush"), Retry: retry.Never,
	}, Poll: time.Millisecond})
	got, err := client.PersistentDisks(t.Context(), "concourse")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b bosh.Disk) int { return a.Index - b.Index })
	if len(got) != 2 || got[0].Group != "data" || got[0].Percent != 37 || got[1].Percent != 38 || got[0].ID == "" {
		t.Errorf("got %+v", got)
	}
	if _, err := client.PersistentDisks(t.Context(), "nothing"); !errors.Is(err, bosh.ErrNotFound) {
		t.Errorf("of no deployment: %v", err)
	}
}

func TestPersistentDisks_areReadFromWhatAgentsSay(t *testing.T) {
	for result, want := range map[string]string{
		`{"job_name":"db","id":"x","vitals":{"disk":{"persistent":{"inode_percent":"0","percent":"100"}}}}`: "",
		`{"job_name":"db","vitals":null}`:                                                "",
		`{"job_name":"db","vitals":{"disk":null}}`:                                       "",
		`{"job_name":"db","id":"x","vitals":{"disk":{"persistent":{"percent":"full"}}}}`: "read a disk from the task's result: its usage is not a percentage",
		`{"job_name":"db","id":"x","vitals":{"disk":{"persistent":{"percent":"-1"}}}}`:   "is not a percentage",
		`{"job_name":"db","vitals":`:                                                     "read an instance",
	} {
		client, _ := connect(t, map[string]http.HandlerFunc{
			"GET /deployments/d/instances": started(3), "GET /tasks/3": text(200, task(3, "done")), "GET /tasks/3/output": text(200, result+"\n"),
		})
		got, err := client.PersistentDisks(t.Context(), "d")
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", result, err)
		case want == "" && strings.Contains(result, `"100"`) && (len(got) != 1 || got[0].Percent != 100):
			t.Errorf("%s: got %+v", result, got)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", result, err, want)
		}
	}
}
