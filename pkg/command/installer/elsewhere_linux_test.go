package installer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/status"
)

// vsphere is the stemcell of somebody's director.
const vsphere = "bosh-vsphere-esxi-ubuntu-jammy-go_agent"

// owners is the cloud config of that director.
const owners = `azs: [{name: z1}, {name: z2}]
vm_types: [{name: default}, {name: large}]
disk_types: [{name: default, disk_size: 1024}]
networks:
- name: private
  type: manual
  subnets: [{azs: [z1, z2], range: 127.0.0.0/8, gateway: 127.0.0.1, dns: [127.0.0.2], static: [127.0.0.10 - 127.250.0.10]}]
compilation: {workers: 1, az: z1, vm_type: default, network: private}
`

// estate is a director of somebody's own, with a directory from which the program runs.
type estate struct {
	*world.World
	dir, address string // of the web
	director     *client.Client
	set          []string // environment beside what every process has
}

// newEstate starts one on which nothing is deployed, and writes perpetual.yml for it.
func newEstate(t *testing.T, cloudConfig string) *estate {
	t.Helper()
	w, err := world.Start(t.Context(), world.Options{Empty: true, Scale: 0.001})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return newEstateIn(t, w, cloudConfig)
}

// newEstateIn is newEstate in a world that is there.
func newEstateIn(t *testing.T, w *world.World, cloudConfig string) *estate {
	t.Helper()
	if err := w.StartDirector(t.Context(), "vsphere_cpi"); err != nil {
		t.Fatal(err)
	}
	w.Publish(world.Set{Concourse: "8.2.4", BPM: "1.4.33", Postgres: "54.0.5", Perpetual: "1.2.0"})
	w.BoshIO.AddStemcell(boshio.Stemcell{Name: vsphere, Version: "1.1340", Regular: true})
	e := &estate{World: w, dir: t.TempDir(), address: freeAddress(t)}
	var err error
	e.director, err = client.New(client.Config{Config: transport.Config{URL: w.URLs["director"], CACert: w.CA, Client: world.DirectorClient, ClientSecret: secret.New(world.DirectorSecret)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.director.Close() })
	if cloudConfig != "" {
		if _, err := e.director.UpdateConfig(t.Context(), "cloud", "default", cloudConfig, ""); err != nil {
			t.Fatal(err)
		}
	}
	e.set = []string{
		"PERPETUAL_DIRECTOR_CLIENT_SECRET=" + world.DirectorSecret, "PERPETUAL_ACCESS_PORT=8443", "PERPETUAL_CLOUD_WEB_ADDRESS=" + e.address,
		"PERPETUAL_GITHUB_URL=" + w.URLs["github"] + "/api/v3", "PERPETUAL_GITHUB_CA_CERT=" + w.CA, "PERPETUAL_BOSH_IO_URL=" + w.URLs["boshio"],
		"PERPETUAL_VERSIONS_PERPETUAL_KEYS=" + publisher.Key, "PERPETUAL_VERSIONS_PERPETUAL_MIN_AGE=0s",
	}
	write(t, e.dir, map[string]string{"ca.pem": w.CA})
	q := run(t, e.dir, nil, "config", "init", "ci", "--director-url", w.URLs["director"], "--director-client", world.DirectorClient, "--director-ca-cert", "ca.pem", "--domain", e.address)
	if q.code != 0 {
		t.Fatal(q.stderr)
	}
	write(t, e.dir, map[string]string{"perpetual.yml": q.stdout})
	return e
}

// freeAddress is a loopback address at which the web can answer.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 50 {
		address := fmt.Sprintf("127.%d.%d.10", 64+rand.IntN(180), rand.IntN(250))
		if l, err := net.Listen("tcp", address+":8443"); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no loopback address is free")
	return ""
}

func (e *estate) run(t *testing.T, args ...string) process {
	t.Helper()
	return run(t, e.dir, e.set, args...)
}

// good wants exit code 0.
func (e *estate) good(t *testing.T, args ...string) process {
	t.Helper()
	q := e.run(t, args...)
	if q.code != 0 {
		t.Fatalf("perpetual %v: exit code %d\n%s%s", args, q.code, q.stdout, q.stderr)
	}
	return q
}

// effects are what was changed on the director.
func (e *estate) effects() (list []string) {
	for _, effect := range e.Director.Effects() {
		list = append(list, effect.Kind+" "+effect.Name)
	}
	return list
}

// refused runs the program, which must say why not and change nothing on the director.
func (e *estate) refused(t *testing.T, args []string, parts ...string) {
	t.Helper()
	before := e.effects()
	q := e.run(t, args...)
	if q.code != 1 || q.stdout != "" {
		t.Errorf("perpetual %v: code %d, stdout %q", args, q.code, q.stdout)
	}
	for _, part := range parts {
		if !strings.Contains(q.stderr, part) {
			t.Errorf("perpetual %v: stderr lacks %q:\n%s", args, part, q.stderr)
		}
	}
	if diff := cmp.Diff(before, e.effects()); diff != "" {
		t.Errorf("perpetual %v has changed the director:\n%s", args, diff)
	}
}

func TestDeploy_onADirectorOfOnesOwn(t *testing.T) {
	t.Parallel()
	e := newEstate(t, owners)
	if q := run(t, e.dir, nil, "config", "validate"); q.code != 0 || !strings.Contains(q.stderr, "director.client_secret: is not here") {
		t.Errorf("config validate: code %d\n%s", q.code, q.stderr)
	}
	if q := e.run(t, "plan"); q.code != installer.ExitChanges {
		t.Errorf("plan of nothing: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	if _, err := os.Stat(filepath.Join(e.dir, "state")); !os.IsNotExist(err) {
		t.Errorf("plan has made the state: %v", err)
	}

	q := e.good(t, "deploy")
	t.Log(q.stderr + q.stdout)
	if !strings.Contains(q.stdout, "https://"+e.address+":8443") || !strings.Contains(q.stderr, "perpetual deploy ci --upgrade upgrades it") {
		t.Errorf("deploy says:\n%s%s", q.stdout, q.stderr)
	}
	deployed, err := e.director.Deployment(t.Context(), "concourse")
	if err != nil || len(deployed.Stemcells) != 1 || deployed.Stemcells[0].Name != vsphere {
		t.Errorf("%+v, %v", deployed.Stemcells, err)
	}
	if now, err := e.director.CloudConfig(t.Context()); err != nil || now.Content != owners {
		t.Errorf("the cloud config is not its owner's (%v):\n%s", err, now.Content)
	}

	before := e.effects()
	if q := e.good(t, "deploy"); !strings.Contains(q.stdout, "ci is up to date: nothing was changed.") {
		t.Errorf("the second deploy says:\n%s", q.stdout)
	}
	e.good(t, "plan")
	if diff := cmp.Diff(before, e.effects()); diff != "" {
		t.Errorf("the second deploy has changed the director:\n%s", diff)
	}
	var found status.Status
	if err := json.Unmarshal([]byte(e.good(t, "status", "--output", "json").stdout), &found); err != nil || !found.Healthy || !found.Verified || len(found.VMs) != 3 || found.Web.Version == "" {
		t.Errorf("status: %v, %+v", err, found)
	}
	if q := e.good(t, "info", "--env"); !strings.Contains(q.stdout, "BOSH_ENVIRONMENT="+e.URLs["director"]+"\n") || !strings.Contains(q.stdout, "BOSH_DEPLOYMENT=concourse\n") {
		t.Errorf("info --env says:\n%s", q.stdout)
	}

	// Another vm type is planned, deployed, and then there.
	q = e.run(t, "plan", "--cloud-vm-types-worker", "large")
	if q.code != installer.ExitChanges || !strings.Contains(q.stdout, "cloud.vm_types.worker: not set → large") || !strings.Contains(q.stdout, "vm_type: large") {
		t.Errorf("plan of another type: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	e.good(t, "deploy", "--cloud-vm-types-worker", "large")
	e.good(t, "plan")
	e.refused(t, []string{"deploy", "--cloud-vm-types-worker", "huge"}, "cloud.vm_types.worker: huge is not in the director's cloud config, which has the vm types default, large")
	e.good(t, "plan") // what was refused is not kept
	e.refused(t, []string{"deploy", "--cloud-stemcell", "bosh-google-kvm-ubuntu-jammy-go_agent"}, "cloud.stemcell", "run again with --upgrade")

	// A state that knows nothing of it makes nothing again.
	for _, verb := range []string{"deploy", "plan"} {
		e.refused(t, []string{verb, "--state-dir", "empty"}, "has a deployment concourse, and the directory empty knows nothing of it", "--state-dir", "nothing was changed")
	}
	if _, err := os.Stat(filepath.Join(e.dir, "empty")); !os.IsNotExist(err) {
		t.Errorf("the refused run has made a state: %v", err)
	}

	q = e.good(t, "destroy", "--yes-destroy", "ci")
	t.Log(q.stderr + q.stdout)
	if list, err := e.director.Configs(t.Context(), "cloud", ""); err != nil || len(list) != 1 {
		t.Errorf("after destroy there are the cloud configs %v, %v", list, err)
	}
	if _, err := e.director.Deployment(t.Context(), "concourse"); err == nil {
		t.Error("after destroy the deployment is there")
	}
	if _, err := os.Stat(filepath.Join(e.dir, "state")); !os.IsNotExist(err) {
		t.Errorf("destroy has left the state: %v", err)
	}
}

// A put of the bundled manifest would take away what the installer has added to it: TLS,
// for one.
func TestDeploy_isNotTakenOverByAPutOfTheBundledManifest(t *testing.T) {
	t.Parallel()
	e := newEstate(t, owners)
	e.good(t, "deploy")
	before := e.effects()
	put := func(adopt, dry bool) process {
		source := e.DeploymentSource()
		delete(source, "concourse")
		request, err := json.Marshal(map[string]any{"source": source, "params": map[string]any{"adopt": adopt, "dry_run": dry}})
		if err != nil {
			t.Fatal(err)
		}
		return runWith(t, e.dir, nil, string(request), "out", e.dir)
	}
	const lost = "what the installer has added for the installation ci"
	if q := put(false, false); q.code != 1 || !strings.Contains(q.stderr, lost) || !strings.Contains(q.stderr, "perpetual deploy ci --upgrade") {
		t.Errorf("a put: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	if q := put(true, true); q.code != 0 || !strings.Contains(q.stderr, "adopt: "+lost) {
		t.Errorf("a dry run that adopts: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	if diff := cmp.Diff(before, e.effects()); diff != "" {
		t.Errorf("the put has changed the director:\n%s", diff)
	}
	if q := e.good(t, "deploy"); !strings.Contains(q.stdout, "nothing was changed") {
		t.Errorf("deploy after it says:\n%s%s", q.stdout, q.stderr)
	}
}

// A newer set comes with --upgrade, also in the order of a self-upgrade; a state from
// before it, such as a copy, goes back to nothing.
func TestDeploy_upgradesOnADirectorOfOnesOwn(t *testing.T) {
	t.Parallel()
	e := newEstate(t, owners)
	e.good(t, "deploy")
	if err := os.CopyFS(filepath.Join(e.dir, "copy"), os.DirFS(filepath.Join(e.dir, "state"))); err != nil {
		t.Fatal(err)
	}
	e.Publish(world.Set{Concourse: "8.2.5"})
	e.good(t, "plan")
	if q := e.run(t, "plan", "--upgrade"); q.code != installer.ExitChanges {
		t.Errorf("plan --upgrade: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	if q := e.good(t, "deploy", "--upgrade", "--self"); !strings.Contains(q.stdout, "was accepted and keeps running") {
		t.Errorf("deploy --upgrade --self says:\n%s", q.stdout)
	}
	if q := e.good(t, "deploy"); !strings.Contains(q.stderr, "Concourse version: 8.2.5") || !strings.Contains(q.stdout, "nothing was changed") {
		t.Errorf("deploy after it says:\n%s%s", q.stdout, q.stderr)
	}
	e.refused(t, []string{"deploy", "--accept-stored", "--state-dir", "copy"}, "8.2.5", "8.2.4")

	// A state that has lost a document is refused, and not deleted with what it still has.
	for _, lost := range []string{"credentials.json", "configuration.json"} {
		from := filepath.Join(e.dir, "state")
		to := filepath.Join(e.dir, "without-"+lost)
		if err := errors.Join(os.CopyFS(to, os.DirFS(from)), os.Remove(filepath.Join(to, "operator", lost))); err != nil {
			t.Fatal(err)
		}
		e.refused(t, []string{"deploy", "--accept-stored", "--state-dir", to}, "lock out what runs", "nothing was changed")
	}
	e.refused(t, []string{"destroy", "--yes-destroy", "ci", "--state-dir", filepath.Join(e.dir, "without-configuration.json")}, "knows nothing of it")
	if _, err := os.Stat(filepath.Join(e.dir, "without-configuration.json", "operator", "credentials.json")); err != nil {
		t.Error(err)
	}
}

func TestDeploy_asksForNamesThatTheCloudConfigLeavesOpen(t *testing.T) {
	t.Parallel()
	e := newEstate(t, strings.Replace(owners, "networks:\n", "networks:\n- {name: public, type: manual, subnets: [{az: z1, range: 10.0.0.0/24, gateway: 10.0.0.1}]}\n", 1))
	e.refused(t, []string{"deploy"}, "cloud.network: is needed: the director's cloud config has the networks public, private, and none is called default")
	if _, err := os.Stat(filepath.Join(e.dir, "state")); !os.IsNotExist(err) {
		t.Errorf("the refused run has made the state: %v", err)
	}
	e.good(t, "deploy", "--cloud-network", "private", "--director-deployment", "ci")
	if _, err := e.director.Deployment(t.Context(), "ci"); err != nil {
		t.Error(err)
	}
	e.good(t, "status")
	e.good(t, "plan")
}

func TestDeploy_refusesADirectorWithoutACloudConfig(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "")
	e.refused(t, []string{"deploy"}, "has no cloud config", "bosh update-cloud-config")
}

// The state may be in a bucket, for which AWS is asked and for nothing else.
func TestDeploy_keepsTheStateOfADirectorOfOnesOwnInABucket(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	e := newEstateIn(t, p.World, owners)
	text, err := os.ReadFile(filepath.Join(e.dir, "perpetual.yml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, e.dir, map[string]string{"perpetual.yml": strings.Replace(string(text), "dir: ./state", "bucket: "+bucket, 1)})
	e.set = p.env(append(e.set, "AWS_REGION=eu-central-1")...)
	e.good(t, "deploy")
	if q := e.good(t, "deploy"); !strings.Contains(q.stdout, "nothing was changed") {
		t.Errorf("the second deploy says:\n%s%s", q.stdout, q.stderr)
	}
	e.good(t, "plan")
	e.good(t, "status")
	if len(p.Stacks.State().Stacks) > 0 || len(p.AWS.Parameters()) > 0 || !strings.Contains(p.AWS.Object(bucket, "run/record.json"), "deployment") {
		t.Errorf("in AWS there is %+v", p.everything())
	}
	e.good(t, "destroy", "--yes-destroy", "ci")
	if p.AWS.Object(bucket, "run/record.json") != "" {
		t.Error("destroy leaves the state")
	}
}

// What a tired person gets wrong is told in a line, with nothing changed.
func TestDeploy_saysWhyADirectorOfOnesOwnIsNotUsed(t *testing.T) {
	t.Parallel()
	e := newEstate(t, owners)
	good := e.set
	for _, c := range []struct {
		set   string
		parts []string
	}{
		{"PERPETUAL_DIRECTOR_CLIENT_SECRET=wrong", []string{"state: ", "director", "nothing was changed"}},
		{"PERPETUAL_DIRECTOR_URL=https://" + vacant.Address(t), []string{"state: ", "refused", "nothing was changed"}},
		{"PERPETUAL_DATABASE_KIND=rds", []string{"database.kind", "rds needs aws"}},
	} {
		e.set = append(slices.Clone(good), c.set)
		e.refused(t, []string{"deploy"}, c.parts...)
		if _, err := os.Stat(filepath.Join(e.dir, "state")); !os.IsNotExist(err) {
			t.Errorf("%s: the refused run has made the state: %v", c.set, err)
		}
	}
}
