package director_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// cloudConfig is the one of the recordings.
const cloudConfig = `azs:
- cloud_properties: {}
  name: z1
compilation:
  az: z1
  network: default
  reuse_compilation_vms: true
  vm_type: small
  workers: 1
disk_types:
- disk_size: 1024
  name: d
networks:
- name: default
  subnets:
  - az: z1
    cloud_properties: {}
    dns:
    - 192.168.1.2
    gateway: 192.168.1.1
    range: 192.168.1.0/24
    static:
    - 192.168.1.10-192.168.1.20
  type: manual
vm_types:
- cloud_properties: {}
  name: small
`

// manifestOf is a manifest like those of the recordings, with one group of n instances.
func manifestOf(name string, n int, message string) string {
	return fmt.Sprintf(`name: %s
releases: [{name: tinyrel, version: "1"}]
stemcells: [{alias: default, os: tiny-os, version: latest}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 500-5000, update_watch_time: 500-5000}
instance_groups:
- name: web
  azs: [z1]
  instances: %d
  vm_type: small
  stemcell: default
  networks: [{name: default}]
  jobs:
  - {name: noop, release: tinyrel, properties: {msg: %s}}
`, name, n, message)
}

// archive packs files into a gzipped tar.
func archive(files ...[2]string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, f := range files {
		_ = t.WriteHeader(&tar.Header{Name: "./" + f[0], Mode: 0o644, Size: int64(len(f[1]))})
		_, _ = io.WriteString(t, f[1])
	}
	_ = t.Close()
	_ = z.Close()
	return b.Bytes()
}

// tinyrelMF is the manifest of the recordings' release.
func tinyrelMF(version string, uncommitted bool) string {
	return fmt.Sprintf(`name: tinyrel
version: "%s"
commit_hash: e6e2b28
uncommitted_changes: %t
jobs:
- name: noop
  version: d1bb3f877eb307ba0dd23e64d36423f619fa46832db91d8e7ccd61cdd256294b
  fingerprint: d1bb3f877eb307ba0dd23e64d36423f619fa46832db91d8e7ccd61cdd256294b
  sha1: sha256:9c5798f34a833c631c3d84429653db770410d48d682bd3018fa6517471f2a652
  packages: [tiny]
- name: slow
  version: 846ddc02864f200ee2f46f1339b3318946ba8da93c309169129ab46185f4495f
  fingerprint: 846ddc02864f200ee2f46f1339b3318946ba8da93c309169129ab46185f4495f
  sha1: sha256:7ea20334a88473841edd145019b0b9d7238c03ba50dd22617ea35d51c34e0eb3
  packages: []
- name: smoke
  version: 12d0cb60980871d106466d4b3e37cb9539c5a9624b64980821ebfda926cbf7bb
  fingerprint: 12d0cb60980871d106466d4b3e37cb9539c5a9624b64980821ebfda926cbf7bb
  sha1: sha256:ee797edf3f39078a9584e6f1e179f28f2bdea35bc9d86c1eb2f36ccfaff5c865
  packages: []
packages:
- name: tiny
  version: e3d9deb0b2666c7a567138225bc0dd24ad11525ef07c07afdc7001345ae04dc0
  fingerprint: e3d9deb0b2666c7a567138225bc0dd24ad11525ef07c07afdc7001345ae04dc0
  sha1: sha256:f528d68391fc3203d670fb3c6b7494bb07dd280c3964adf12e5c8ffde5dd0ef6
  dependencies: []
`, version, uncommitted)
}

func tinyrel(version string, uncommitted bool) []byte {
	return archive([2]string{"release.MF", tinyrelMF(version, uncommitted)},
		[2]string{"jobs/noop.tgz", jobOf("noop", "ctl.erb: bin/ctl")}, [2]string{"jobs/slow.tgz", jobOf("slow", "start.erb: bin/pre-start")},
		[2]string{"jobs/smoke.tgz", jobOf("smoke", "run.erb: bin/run")})
}

// jobOf is the archive of a job with one template.
func jobOf(name, template string) string {
	file, _, _ := strings.Cut(template, ":")
	return string(archive([2]string{"job.MF", "name: " + name + "\ntemplates:\n  " + template + "\n"},
		[2]string{"monit", ""}, [2]string{"templates/" + file, "exit 0\n"}))
}

func tinyStemcell(version string) []byte {
	return archive([2]string{"stemcell.MF", "name: tiny-stemcell\nversion: '" + version +
		"'\noperating_system: tiny-os\napi_version: 3\nstemcell_formats: [tiny]\n"}, [2]string{"image", "x"})
}

func sha1Of(b []byte) string {
	sum := sha1.Sum(b)
	return hex.EncodeToString(sum[:])
}

// files serves archives by the last part of their address, without a network.
type files map[string][]byte

func (f files) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	content, ok := f[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
	if !ok {
		rec.WriteHeader(http.StatusNotFound)
	}
	_, _ = rec.Write(content)
	return rec.Result(), nil
}

// clock is the time, moved ahead by tests.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// world is a director behind a server.
type world struct {
	*director.Director
	t      *testing.T
	server *httptest.Server
	clock  *clock
	user   string
	pass   string
}

// start serves a director. The scale is small unless the options give one.
func start(t *testing.T, o director.Options) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{}, user: "test", pass: "test"}
	if o.Scale == 0 {
		o.Scale = 0.002
	}
	o.Now, o.Username, o.Password = w.clock.Now, w.user, w.pass
	w.Director = director.New(t.Context(), o)
	w.server = httptest.NewTLSServer(w.Director)
	w.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		w.server.Close()
		w.Close()
	})
	return w
}

// seeded is start with a cloud config, a stemcell and two versions of a release.
func seeded(t *testing.T, o director.Options) *world {
	t.Helper()
	w := start(t, o)
	if err := w.Seed(director.Seed{
		CloudConfig: cloudConfig,
		Stemcells:   []director.SeedStemcell{{Name: "tiny-stemcell", OS: "tiny-os", Version: "1.2"}},
		Releases:    []director.SeedRelease{{Name: "tinyrel", Version: "1"}, {Name: "tinyrel", Version: "2"}},
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; header is key, value, ….
func (w *world) do(method, target, body string, header ...string) reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(w.t.Context()), method, w.server.URL+target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.SetBasicAuth(w.user, w.pass)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Del(header[i])
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	res, err := w.server.Client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

// deploy posts a manifest and gives its task.
func (w *world) deploy(manifest, query string, header ...string) int {
	w.t.Helper()
	return w.taskOf(w.do("POST", "/deployments?"+query, manifest, append([]string{"Content-Type", "text/yaml"}, header...)...))
}

func (w *world) taskOf(r reply) int {
	w.t.Helper()
	id := 0
	if _, err := fmt.Sscanf(r.header.Get("Location")[strings.LastIndex(r.header.Get("Location"), "/")+1:], "%d", &id); err != nil || r.status != http.StatusFound {
		w.t.Fatalf("no task: %d %s %s", r.status, r.header.Get("Location"), r.body)
	}
	return id
}

// hanging is when a task counts as hanging, also on a machine that is busy with other work.
const hanging = 25 * time.Minute

// ended waits for the end of a task.
func (w *world) ended(id int) director.Task {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), hanging)
	defer cancel()
	task, err := w.Wait(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return task
}

// until waits for a condition.
func (w *world) until(what string, met func() bool) {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < hanging; {
		if met() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("waited in vain for %s; tasks: %s", what, w.open())
}

// open lists the tasks that have not ended, for messages.
func (w *world) open() string {
	var b strings.Builder
	for _, t := range w.Tasks() {
		if t.State == director.StateQueued || t.State == director.StateProcessing || t.State == director.StateCancelling {
			_, _ = fmt.Fprintf(&b, "%d %s %s; ", t.ID, t.State, t.Description)
		}
	}
	return b.String()
}

// gate lets a hook wait until it is opened.
type gate struct {
	entered, open chan struct{}
	once          sync.Once
}

func newGate() *gate { return &gate{entered: make(chan struct{}, 100), open: make(chan struct{})} }

func (g *gate) wait(ctx context.Context) error {
	g.entered <- struct{}{}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-g.open:
		return nil
	}
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

func itoa(n int) string { return strconv.Itoa(n) }
