package createenv_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi/tarball"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/ruby"
)

// Secrets that are looked for where they must not be.
const (
	cpiToken   = "S3CR3T-cpi-token"
	jobSecret  = "S3CR3T-of-the-job"
	envSecret  = "S3CR3T-of-the-env"
	secretMark = "S3CR3T"
)

// world is a cloud, documents and the artifacts of a small director.
type world struct {
	t         *testing.T
	cloud     *cpi.Cloud
	documents *documents
	dir       string // the workspace
	path      string // PATH with a ruby
	artifacts map[string]tarball.Archive
	urls      map[string]string

	mu     sync.Mutex
	events []createenv.Event
	lines  []string // of Notify
	told   []string // of Changes
}

// manifest says which environment is wanted.
type manifest struct {
	disk     int    // MB; 0: none
	property string // changes the manifest
	stemcell string // "1", "2", "light-1" or "light-2"
	source   bool   // the director's release as a source release
}

// newWorld starts a cloud. Its artifacts are served over HTTP.
func newWorld(t *testing.T, o cpi.Options) *world {
	t.Helper()
	cloud, err := cpi.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	w := &world{
		t: t, cloud: cloud, documents: &documents{bodies: map[string][]byte{}}, dir: t.TempDir(), path: rubyPath(t),
		artifacts: map[string]tarball.Archive{}, urls: map[string]string{},
	}
	release, err := cloud.CPIRelease("sandbox-cpi", "sandbox_cpi", "1", "cpi.token")
	w.publish("cpi", release, err)
	fixed, err := theArchives()
	if err != nil {
		t.Fatal(err)
	}
	for name, archive := range fixed {
		w.publish(name, archive, nil)
	}
	return w
}

// theArchives are those that are the same in every world, by their names there. To pack
// them takes longer than many a test.
var theArchives = sync.OnceValues(func() (map[string]tarball.Archive, error) {
	director := tarball.Release{
		Name: "bosh", Version: "283.1.6", Packages: []string{"director"},
		Jobs: []tarball.Job{{Name: "director", Packages: []string{"director"}, Properties: []string{"director.secret"},
			Templates: map[string]string{"config/director.yml": `secret: <%= p("director.secret") %>`}}},
	}
	bare := director
	bare.Jobs = append([]tarball.Job{{Name: "nats"}}, director.Jobs...)
	director.Compiled = "ubuntu-noble/1"
	list, failed := map[string]tarball.Archive{}, error(nil)
	add := func(name string, a tarball.Archive, err error) { list[name], failed = a, errors.Join(failed, err) }
	archive, err := bare.Archive()
	add("bosh-source", archive, err)
	archive, err = director.Archive()
	add("bosh", archive, err)
	for _, version := range []string{"1", "2"} {
		archive, err = tarball.Stemcell("bosh-sandbox-ubuntu-noble", "ubuntu-noble", version)
		add("stemcell-"+version, archive, err)
		archive, err = tarball.LightStemcell("bosh-sandbox-ubuntu-noble", "ubuntu-noble", version)
		add("stemcell-light-"+version, archive, err)
	}
	return list, failed
})

func (w *world) publish(name string, a tarball.Archive, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	w.artifacts[name], w.urls[name] = a, w.cloud.Publish(a.Name+name, a.Body)
}

// rubyPath is PATH with a ruby in front.
func rubyPath(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	dir, err := ruby.Path(ctx)
	if err != nil {
		if _, debian := os.Stat("/etc/debian_version"); debian == nil {
			t.Fatal(err)
		}
		t.Skip("there is no ruby to render templates with: ", err)
	}
	return dir + ":" + os.Getenv("PATH")
}

// request is the manifest with its variables.
func (w *world) request(m manifest) createenv.Request {
	if m.stemcell == "" {
		m.stemcell = "1"
	}
	director, jobs := "bosh", "{name: director, release: bosh}"
	if m.source {
		director, jobs = "bosh-source", "{name: nats, release: bosh}, "+jobs
	}
	disk, pool := "", ""
	if m.disk > 0 {
		disk = "  persistent_disk_pool: disks\n"
		pool = fmt.Sprintf("disk_pools:\n- {name: disks, disk_size: %d, cloud_properties: {type: gp3}}\n", m.disk)
	}
	text := fmt.Sprintf(`
name: director
releases:
- {name: bosh, url: %q, sha1: %s}
- {name: sandbox-cpi, url: %q, sha1: %q}
resource_pools:
- name: vms
  network: private
  stemcell: {url: %q, sha1: %s}
  cloud_properties: {instance_type: t3.medium}
  env: {bosh: {password: ((env_password))}}
%snetworks:
- name: private
  type: manual
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, dns: [10.0.0.2]}]
instance_groups:
- name: bosh
  instances: 1
  jobs: [%s]
  resource_pool: vms
%s  networks: [{name: private, static_ips: [10.0.0.6]}]
  properties: {director: {secret: ((job_secret))}, other: %q}
cloud_provider:
  template: {name: sandbox_cpi, release: sandbox-cpi}
  mbus: %s
  cert: {ca: ((mbus_ca))}
  properties: {cpi: {token: ((cpi_token))}}
update: {update_watch_time: 0-5000}
`, w.urls[director], w.artifacts[director].SHA1, w.urls["cpi"], "sha256:"+w.artifacts["cpi"].SHA256,
		w.urls["stemcell-"+m.stemcell], w.artifacts["stemcell-"+m.stemcell].SHA1, pool, jobs, disk, m.property, w.cloud.Mbus())
	return createenv.Request{Manifest: []byte(text), Vars: map[string]any{
		"env_password": envSecret, "job_secret": jobSecret, "cpi_token": cpiToken, "mbus_ca": w.cloud.CA(),
	}}
}

// environment opens the workspace.
func (w *world) environment() *createenv.Environment {
	w.t.Helper()
	e, err := createenv.New(w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) options() createenv.Options {
	return createenv.Options{
		Dir: w.dir, Documents: w.documents, Path: w.path, Poll: time.Millisecond,
		Progress: func(e createenv.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
		Changes: func(line string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, line)
		},
		Notify: func(line string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lines = append(w.lines, line)
		},
	}
}

// create makes the environment and forgets which calls that took.
func (w *world) create(m manifest) createenv.Result {
	w.t.Helper()
	r, err := w.environment().Create(w.t.Context(), w.request(m))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// forget empties the record of calls, writes and events.
func (w *world) forget() {
	w.cloud.Forget()
	w.documents.forget()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events, w.lines, w.told = nil, nil, nil
}

// notified says whether a line of Notify holds a text.
func (w *world) notified(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.lines, func(line string) bool { return strings.Contains(line, text) })
}

// documents are documents in memory that can be made to fail.
type documents struct {
	mu     sync.Mutex
	bodies map[string][]byte
	writes []string
	hook   func(op, name string, after bool) error // before and after each write
}

func (d *documents) Get(_ context.Context, name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.bodies[name]), nil
}

func (d *documents) Put(ctx context.Context, name string, body []byte) error {
	return d.change(ctx, "put", name, func() { d.bodies[name] = slices.Clone(body) })
}

func (d *documents) Delete(ctx context.Context, name string) error {
	return d.change(ctx, "delete", name, func() { delete(d.bodies, name) })
}

func (d *documents) change(ctx context.Context, op, name string, do func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.hook != nil {
		if err := d.hook(op, name, false); err != nil {
			return err
		}
	}
	d.mu.Lock()
	do()
	d.writes = append(d.writes, op+" "+name)
	d.mu.Unlock()
	if d.hook != nil {
		return d.hook(op, name, true)
	}
	return nil
}

func (d *documents) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes = nil
}

// body is a document's text.
func (d *documents) body(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return string(d.bodies[name])
}

// all are all documents.
func (d *documents) all() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.bodies)
}

// written are the writes since forget.
func (d *documents) written() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.writes)
}
