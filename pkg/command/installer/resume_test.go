package installer_test

import (
	"encoding/pem"
	"net"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/command/installer/report"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/lease"
	"github.com/perpetual-ci/perpetual/pkg/status"
)

const webPassword = "canary-of-the-web"

// quiet is an installation on somebody's director whose pipelines a quiet upgrade
// has paused.
type quiet struct {
	*world.World
	dir      string // with the state in it
	store    *state.Dir
	web      *sandbox.Server
	director *client.Client
	pause    pause.Pause
	build    *sandbox.Build // that has paused
}

func newQuiet(t *testing.T) *quiet {
	t.Helper()
	w, err := world.Start(t.Context(), world.Options{Scale: 0.001})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	q := &quiet{World: w, dir: t.TempDir()}
	q.web = sandbox.New(sandbox.Options{
		Users: map[string]string{config.ATCUser: webPassword},
		Teams: map[string]map[string]string{"main": {config.ATCUser: sandbox.Owner}, "dev": {}},
	})
	server := httptest.NewTLSServer(q.web)
	t.Cleanup(server.Close)
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	q.keep(t, server.URL, certificate)
	q.web.RegisterWorker("worker", "")
	for _, name := range []string{"main/self-upgrade", "main/app", "dev/app"} {
		team, name, _ := strings.Cut(name, "/")
		_, err := q.web.SetPipeline(team, name, nil, []byte("jobs: [{name: upgrade, plan: [{get: apple}]}]\nresources: [{name: apple, type: time, source: {}}]"))
		if err != nil {
			t.Fatal(err)
		}
		if err := q.web.Unpause(team, name); err != nil {
			t.Fatal(err)
		}
	}
	if q.build, err = q.web.StartBuild("main", "self-upgrade", "upgrade", "", false); err != nil {
		t.Fatal(err)
	}
	q.begin(t, server.URL, certificate)
	return q
}

// keep writes the state of the installation.
func (q *quiet) keep(t *testing.T, web, certificate string) {
	t.Helper()
	var err error
	if q.store, err = state.NewDir(q.dir + "/state"); err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(web)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(address.Host)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	given, err := config.Encode(&config.Config{
		Name: "ci", Access: config.Access{Domain: host, Port: number},
		Director: config.Director{URL: q.URLs["director"], CACert: q.CA, Client: world.DirectorClient, ClientSecret: secret.New(world.DirectorSecret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := credential.Encode(map[string]any{
		endpoint.ATCPassword: webPassword, endpoint.WebCA: map[string]any{"certificate": certificate},
	})
	if err != nil {
		t.Fatal(err)
	}
	keepState(t, q.dir, q.store, given, credentials)
}

// begin pauses, as a self-upgrade does.
func (q *quiet) begin(t *testing.T, url, certificate string) {
	t.Helper()
	web, err := concourse.New(concourse.Config{Config: session.Config{URL: url, CACert: certificate, Username: config.ATCUser, Password: secret.New(webPassword)}})
	if err != nil {
		t.Fatal(err)
	}
	q.director, err = client.New(client.Config{Config: transport.Config{URL: q.URLs["director"], CACert: q.CA, Client: world.DirectorClient, ClientSecret: secret.New(world.DirectorSecret)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.director.Close() })
	q.pause = pause.Pause{
		ATC: web, Keeper: pause.InDirector(q.director, "concourse"), Deployment: "concourse",
		Own: pause.Own{Team: "main", Pipeline: "self-upgrade", Job: "upgrade", Name: "1", BuildID: q.build.ID()},
	}
	if err := q.pause.Begin(t.Context(), "8.2.5", "8.3.0"); err != nil {
		t.Fatal(err)
	}
}

// over ends the build that has paused.
func (q *quiet) over(t *testing.T) {
	t.Helper()
	if err := q.build.Finish("errored"); err != nil {
		t.Fatal(err)
	}
}

// perpetual runs the program on the installation.
func (q *quiet) perpetual(t *testing.T, args ...string) process {
	t.Helper()
	p := run(t, q.dir, nil, append(args, "--state-dir", "state")...)
	for _, canary := range []string{webPassword, world.DirectorSecret} {
		if strings.Contains(p.stdout+p.stderr, canary) {
			t.Errorf("%v shows a credential", args)
		}
	}
	return p
}

// refuses runs resume, which must say all parts and change nothing.
func (q *quiet) refuses(t *testing.T, parts ...string) {
	t.Helper()
	p := q.perpetual(t, "resume", "ci")
	lines := strings.Split(strings.TrimSpace(p.stderr), "\n")
	for len(lines) > 1 && strings.Contains(lines[0], "warning: director.ca_cert: ends on") { // as that of the simulator does
		lines = lines[1:]
	}
	if p.code != 1 || p.stdout != "" || len(lines) != 1 {
		t.Errorf("code %d, stdout %q, stderr:\n%s", p.code, p.stdout, p.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(p.stderr, part) {
			t.Errorf("it does not say %q:\n%s", part, p.stderr)
		}
	}
	for _, e := range q.web.Events() {
		if e.Kind == sandbox.KindUnpause && e.User != "" {
			t.Errorf("it has unpaused %s", e.Pipeline)
		}
	}
}

func TestResume_unpausesWhatAnInstallationsUpgradeHasPaused(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	q.refuses(t, "resume ci: the build that has paused, main/self-upgrade/upgrade #1, still runs", "--force")
	q.over(t)
	release := q.Director.HoldLock("concourse")
	q.refuses(t, "holds deployment concourse", "nothing was unpaused", "--force")
	release()
	lease, err := lease.Acquire(t.Context(), q.store, "run/leases/installation", lease.Holder{Purpose: "deploy ci"}, lease.Options{})
	if err != nil {
		t.Fatal(err)
	}
	q.refuses(t, "another run is under way", "deploy ci", "perpetual unlock ci --id "+lease.ID(), "--force")
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, do := range []error{q.web.Unpause("main", "app"), q.web.Pause("main", "app", "ada")} {
		if do != nil {
			t.Fatal(do)
		}
	}
	resumed := decode[report.Resumed](t, q.perpetual(t, "resume", "ci", "--output", "json"))
	if !resumed.Found || strings.Join(resumed.Unpaused, " ") != "dev/app" || len(resumed.Left) != 1 || resumed.Left[0] != (report.LeftPaused{Pipeline: "main/app", Reason: "paused by ada since"}) {
		t.Errorf("resumed %+v", resumed)
	}
	if p := q.perpetual(t, "resume", "ci"); p.code != 0 || p.stdout != "nothing is paused by a quiet upgrade of ci\n" {
		t.Errorf("code %d, stdout %s, stderr %s", p.code, p.stdout, p.stderr)
	}
}

func TestResume_forcedAsksNobody(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	t.Cleanup(q.Director.HoldLock("concourse"))
	if p := run(t, q.dir, []string{"PERPETUAL_FORCE=true"}, "resume", "ci", "--state-dir", "state"); p.code != 1 {
		t.Errorf("the environment forces it: %s", p.stdout)
	}
	p := q.perpetual(t, "resume", "ci", "--force")
	if p.code != 0 || !strings.Contains(p.stdout, "main/self-upgrade/upgrade #1 has paused pipelines since") || !strings.Contains(p.stdout, "unpaused main/app\nunpaused dev/app\n") {
		t.Errorf("code %d, stdout %s, stderr %s", p.code, p.stdout, p.stderr)
	}
}

func TestResume_failsInOneLine(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	q.over(t)
	if _, err := q.director.UpdateConfig(t.Context(), "perpetual", "concourse.paused", "list: x", ""); err != nil {
		t.Fatal(err)
	}
	q.refuses(t, "resume ci: read the list of paused pipelines", "config concourse.paused", "damaged")
	if p := q.perpetual(t, "resume", "other"); p.code != 1 || !strings.Contains(p.stderr, "ci") {
		t.Errorf("of another installation: code %d, %s", p.code, p.stderr)
	}
	if p := run(t, t.TempDir(), nil, "resume", "ci", "--state-dir", "state"); p.code != 1 || !strings.Contains(p.stderr, "there is no installation ci in state") {
		t.Errorf("of none: code %d, %s", p.code, p.stderr)
	}
}

// paused is what status says of paused pipelines.
func (q *quiet) paused(t *testing.T) (found status.Status, text string) {
	t.Helper()
	text = q.perpetual(t, "status", "ci").stdout
	return decode[status.Status](t, q.perpetual(t, "status", "ci", "--output", "json")), text
}

func TestStatus_tellsWhatAQuietUpgradeHasPaused(t *testing.T) {
	t.Parallel()
	q := newQuiet(t)
	check := func(when string, awaited bool, state, says string) {
		t.Helper()
		found, text := q.paused(t)
		p := found.Paused
		if p == nil {
			t.Fatalf("%s: status answers %+v", when, found)
		}
		if p.Awaited != awaited || found.Healthy != awaited || p.TaskState != state {
			t.Errorf("%s: paused is %+v, healthy %t", when, p, found.Healthy)
		}
		if p.Phase != "paused" || p.Since.IsZero() || p.Build != "main/self-upgrade/upgrade #1" || p.From != "8.2.5" || p.To != "8.3.0" || p.Pipelines != 2 || strings.Join(p.Teams, " ") != "main dev" {
			t.Errorf("%s: paused is %+v", when, p)
		}
		line := "2 pipelines of teams main, dev paused since " + p.Since.Format("2006-01-02 15:04:05") + " UTC by main/self-upgrade/upgrade #1 for Concourse 8.2.5 → 8.3.0, " + says
		problem := "! " + line + ", and no upgrade is under way that will unpause them: perpetual resume ci"
		if !strings.Contains(text, line) || strings.Contains(text, problem) == awaited {
			t.Errorf("%s: no %q in\n%s", when, line, text)
		}
	}
	check("while the build waits", true, "", "before the deploy")
	q.over(t)
	check("after the build was killed", false, "", "before the deploy")
	end := q.Director.HoldLock("concourse") // by a task that goes on until it is released
	if err := q.pause.Accepted(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	check("while the director deploys", true, "processing", "director task 1 is processing")
	end()
	check("while the verifying build may come", true, "done", "director task 1 is done")
	if p := q.perpetual(t, "resume", "ci"); p.code != 0 {
		t.Fatal(p.stderr)
	}
	if found, text := q.paused(t); found.Paused != nil || !found.Healthy || strings.Contains(text, "paused") {
		t.Errorf("after resume: %+v\n%s", found, text)
	}
	if _, err := q.director.UpdateConfig(t.Context(), "perpetual", "concourse.paused", "list: x", ""); err != nil {
		t.Fatal(err)
	}
	if found, text := q.paused(t); found.Healthy || !strings.Contains(text, "! what a quiet upgrade has paused is not known: read the list of paused pipelines") {
		t.Errorf("a damaged list: %+v\n%s", found, text)
	}
}
