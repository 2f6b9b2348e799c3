package bootstrap_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/retry"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/concourse"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// ci is a simulated Concourse that cuts the connection at one of the requests that write.
type ci struct {
	*sandbox.Server
	url string

	mu     sync.Mutex
	writes int
	cut    int  // at which of them; 0: at none
	late   bool // when it was carried out
	both   bool // two pipelines ran at the same time
}

func newCI(t *testing.T, users map[string]string) *ci {
	t.Helper()
	c := &ci{Server: sandbox.New(sandbox.Options{
		Version: "8.2.4", Users: map[string]string{"perpetual": "x", "admin": "x", "ada": "x"}, Teams: map[string]map[string]string{"main": users},
	})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cut, late := false, false
		if r.Method == http.MethodPut {
			c.mu.Lock()
			c.writes++
			cut, late = c.writes == c.cut, c.late
			c.mu.Unlock()
		}
		if cut && !late {
			panic(http.ErrAbortHandler)
		}
		to := http.ResponseWriter(w)
		if cut {
			to = httptest.NewRecorder()
		}
		c.Server.ServeHTTP(to, r)
		c.mu.Lock()
		c.both = c.both || c.runs("main") && c.runs("perpetual")
		c.mu.Unlock()
		if cut {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// cutAt cuts the connection at the write with that number, from now on; 0: at none.
func (c *ci) cutAt(write int, late bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut, c.late = write, late
}

// puts is how often it was written to since forget.
func (c *ci) puts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes
}

// forget forgets what was written, and that two pipelines ran at the same time.
func (c *ci) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes, c.both = 0, false
}

// twice says whether two pipelines ran at the same time since forget.
func (c *ci) twice() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.both
}

// runs says whether the pipeline of a team is there and not paused.
func (c *ci) runs(team string) bool {
	running := false
	for _, e := range c.Events() {
		if e.Team != team || e.Pipeline != "self-upgrade" {
			continue
		}
		switch e.Kind {
		case sandbox.KindUnpause:
			running = true
		case sandbox.KindPause, sandbox.KindArchive:
			running = false
		}
	}
	return running
}

// client is the real client. The simulated Concourse has no workers for it.
type client struct{ *concourse.Client }

func (c client) Workers(context.Context) ([]concourse.Worker, error) { return nil, nil }

func (c *ci) open(s resource.Concourse) (bootstrap.ATC, error) {
	made, err := concourse.New(concourse.Config{
		Config: session.Config{URL: c.url, Username: s.Username, Password: secret.New("x"), Retry: retry.Policy{Attempts: 1}},
		Team:   s.Team,
	})
	return client{made}, err
}

// piped is an installation whose deploy has been done, and whose pipeline is to be set.
type piped struct {
	*cloud
	ci  *ci
	cfg func() *config.Config
}

func newPiped(t *testing.T, cfg func() *config.Config) *piped {
	t.Helper()
	base := newCloud()
	if reflect.DeepEqual(cfg(), given()) {
		base = installedBy(t, "pipeline")
	}
	i := &piped{cloud: base, ci: newCI(t, map[string]string{"perpetual": sandbox.Owner, "admin": sandbox.Owner, "ada": sandbox.Owner}), cfg: cfg}
	i.pipelineUser = "pipeline"
	if i.stack == nil {
		if at := i.deploy(t, cfg()); at.Step != "deploy" {
			t.Fatal(at)
		}
	}
	i.written()
	return i
}

// run does the steps about the pipeline.
func (i *piped) run(t *testing.T, o bootstrap.Options) ([]string, *progress, error) {
	t.Helper()
	made, shown := i.install(t, i.cfg())
	made.ATC, made.Poll = i.ci.open, time.Millisecond
	if i.now != nil {
		made.Now = i.now
	}
	result, err := made.OnlyPipeline(t.Context(), o)
	var said []string
	for _, o := range result.Outcomes {
		said = append(said, fmt.Sprintf("%s: %s: %s", o.Step, o.Status, o.Report))
	}
	return said, shown, err
}

// old is the pipeline as an earlier release has set it, with a job of somebody's.
const old = `
resources:
- {name: components, type: perpetual, source: {watch: {}}}
- {name: finished-deployment, type: perpetual, source: {}}
resource_types: [{name: perpetual, type: registry-image, source: {repository: x}}]
jobs:
- {name: upgrade, plan: [{get: components}]}
- {name: verify, plan: [{get: finished-deployment}]}
- {name: lint, plan: [{get: components}]}
`

// former makes the installation one of an earlier release.
func (i *piped) former(t *testing.T, pausedBy string) {
	t.Helper()
	if _, err := i.ci.SetPipeline("main", "self-upgrade", nil, []byte(old)); err != nil {
		t.Fatal(err)
	}
	if err := i.ci.Unpause("main", "self-upgrade"); err != nil {
		t.Fatal(err)
	}
	if pausedBy != "" {
		if err := i.ci.Pause("main", "self-upgrade", pausedBy); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"atc_password", "director_password", "aws_access_key_id", "aws_secret_access_key", "slack"} {
		i.parameters["/perpetual/ci/main/self-upgrade/"+name] = "of old"
	}
	i.keys["pipeline"] = []account.AccessKey{{ID: "AKIAOLD", Made: i.time()}}
	i.ci.forget()
}

// good checks what the steps must end with.
func (i *piped) good(t *testing.T, runs bool) {
	t.Helper()
	if roles, _ := i.ci.Members("perpetual"); len(roles) != 1 || roles["perpetual"] != sandbox.Member {
		t.Errorf("team perpetual has %v", roles)
	}
	text, there := i.ci.PipelineConfig("perpetual", "self-upgrade")
	if !there || i.ci.runs("perpetual") != runs || i.ci.runs("main") {
		t.Errorf("the pipeline is there: %v, runs: %v, want %v; in main: %v", there, i.ci.runs("perpetual"), runs, i.ci.runs("main"))
	}
	if _, there := i.ci.PipelineConfig("main", "self-upgrade"); there {
		t.Error("the one in main is there still")
	}
	if i.ci.twice() {
		t.Error("both pipelines ran at the same time")
	}
	for user, parameter := range map[string]string{"pipeline": "aws_key", "reader": "reader_key"} {
		key := manifest.ParseKey(secret.New(i.parameters["/perpetual-own/ci/"+parameter]))
		if len(i.keys[user]) != 1 || i.keys[user][0].ID != key.ID || key.Secret.Reveal() != "canary-of-"+key.ID {
			t.Errorf("user %s has the keys %v, the parameter has %s", user, i.keys[user], key.ID)
		}
		if user == "reader" && (!strings.Contains(string(text), key.ID) || !strings.Contains(string(text), key.Secret.Reveal())) {
			t.Errorf("Concourse reads with another key than %s:\n%s", key.ID, text)
		}
	}
	for _, name := range []string{"atc_password", "director_password", "aws_access_key_id", "aws_secret_access_key"} {
		if _, there := i.parameters["/perpetual/ci/main/self-upgrade/"+name]; there {
			t.Errorf("parameter %s is where every pipeline of main reads it", name)
		}
	}
	if i.parameters["/perpetual-own/ci/director_password"] == "" {
		t.Errorf("parameters %v", i.parameters)
	}
}

func TestPipeline_isInATeamOfItsOwn(t *testing.T) {
	i := newPiped(t, given)
	said, _, err := i.run(t, bootstrap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := said[len(said)-1]; got != "pipeline: changed: pipeline self-upgrade was created and runs" {
		t.Errorf("it says %q", said)
	}
	i.good(t, true)
	for _, o := range []bootstrap.Options{{}, {Self: true}} {
		i.written()
		i.ci.forget()
		said, _, err = i.run(t, o)
		if err != nil || i.ci.puts() != 0 || len(i.written()) != 0 || !strings.HasPrefix(said[len(said)-1], "pipeline: up to date") {
			t.Errorf("the next run writes %d times and says %q (%v)", i.ci.puts(), said, err)
		}
	}
}

// TestPipeline_movesFromMain: with what people have added, and paused as it was.
func TestPipeline_movesFromMain(t *testing.T) {
	for pausedBy, c := range map[string]struct {
		runs bool
		want string
	}{
		"":          {true, "and runs"},
		"perpetual": {true, "and runs"}, // by a quiet upgrade, or by this step, which was killed
		"ada":       {false, "and is paused as it was"},
	} {
		t.Run("paused by "+pausedBy, func(t *testing.T) {
			i := newPiped(t, given)
			i.former(t, pausedBy)
			said, shown, err := i.run(t, bootstrap.Options{})
			if err != nil {
				t.Fatal(err)
			}
			i.good(t, c.runs)
			if want := "pipeline: changed: pipeline self-upgrade has moved from team main to team perpetual, " + c.want; said[len(said)-1] != want {
				t.Errorf("it says %q, want %q", said, want)
			}
			if text, _ := i.ci.PipelineConfig("perpetual", "self-upgrade"); !strings.Contains(string(text), "name: lint") {
				t.Errorf("what people have added is lost:\n%s", text)
			}
			if i.parameters["/perpetual/ci/main/self-upgrade/slack"] == "" {
				t.Error("a parameter of somebody else was deleted")
			}
			if lines := strings.Join(shown.lines, "\n"); strings.Count(lines, "are now looked up below /perpetual/ci/perpetual/self-upgrade; copy what they need from /perpetual/ci/main/self-upgrade/slack") != 1 {
				t.Errorf("where its variables are now is not said:\n%s", lines)
			}
		})
	}
}

// TestPipeline_movesOnceWhereverItIsKilled ends the move at every write, before and after
// that is carried out, and runs it again.
func TestPipeline_movesOnceWhereverItIsKilled(t *testing.T) {
	count := newPiped(t, given)
	count.former(t, "")
	if _, _, err := count.run(t, bootstrap.Options{}); err != nil {
		t.Fatal(err)
	}
	effects, writes := count.written(), count.ci.puts()
	if writes < 5 || len(effects) < 6 {
		t.Fatalf("the move writes %d times at Concourse, and %v elsewhere", writes, effects)
	}
	again := func(t *testing.T, i *piped) {
		t.Helper()
		if _, _, err := i.run(t, bootstrap.Options{}); err != nil {
			t.Fatal(err)
		}
		i.good(t, true)
	}
	for n := 1; n <= writes; n++ {
		for _, late := range []bool{false, true} {
			i := newPiped(t, given)
			i.former(t, "")
			i.ci.cutAt(n, late)
			_, _, err := i.run(t, bootstrap.Options{})
			if _, there := i.ci.PipelineConfig("perpetual", "self-upgrade"); err == nil && !there {
				t.Errorf("write %d was cut, and nobody says so", n)
			}
			i.ci.cutAt(0, false)
			again(t, i)
		}
	}
	for _, effect := range effects {
		i := newPiped(t, given)
		i.former(t, "")
		i.fail[effect] = errBroken
		if _, _, err := i.run(t, bootstrap.Options{}); !errors.Is(err, errBroken) {
			t.Errorf("%s fails, and it ends with %v", effect, err)
		}
		clear(i.fail)
		again(t, i)
	}
}

// TestPlan_showsThatThePipelineMoves, and changes nothing.
func TestPlan_showsThatThePipelineMoves(t *testing.T) {
	i := newPiped(t, given)
	i.former(t, "")
	made, _ := i.install(t, given())
	made.ATC = i.ci.open
	lines, err := made.PlanPipeline(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{
		"+ team perpetual: member local:perpetual", "! it moves from team main, where it is archived, to team perpetual", "- parameter /perpetual/ci/main/self-upgrade/aws_secret_access_key",
		"! parameter /perpetual/ci/main/self-upgrade/slack stays, but the pipeline will no longer find it", "+ an access key of pipeline", "+ an access key of reader", "access_key: ((redacted))", "secret_key: ((redacted))",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("plan lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "job lint") && strings.Contains(text, "-   name: lint") {
		t.Errorf("plan would take away what people have added:\n%s", text)
	}
	if i.ci.puts() != 0 || len(i.written()) != 0 {
		t.Error("planning has written")
	}
}

// TestPipeline_ofASelfUpgradeAsksForADeployByHand where the team is not there, or nobody
// has made the key of its reader.
func TestPipeline_ofASelfUpgradeAsksForADeployByHand(t *testing.T) {
	i := newPiped(t, given)
	i.former(t, "")
	_, _, err := i.run(t, bootstrap.Options{Self: true})
	if err == nil || !strings.Contains(err.Error(), "run perpetual deploy ci by hand once, which makes the pipeline's team") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it ends with %v", err)
	}
	if i.ci.puts() != 0 {
		t.Error("it has written")
	}
}

// TestPipeline_isSetByAPersonWithoutQuietUpgrades: its own user may do nothing in main.
func TestPipeline_isSetByAPersonWithoutQuietUpgrades(t *testing.T) {
	quiet := false
	i := newPiped(t, func() *config.Config {
		c := given()
		c.Pipeline.QuietUpgrades = &quiet
		return c
	})
	i.ci = newCI(t, map[string]string{"admin": sandbox.Owner})
	if _, _, err := i.run(t, bootstrap.Options{}); err != nil {
		t.Fatal(err)
	}
	i.good(t, true)
	logins := len(i.ci.Events())
	if _, _, err := i.run(t, bootstrap.Options{Self: true}); err != nil {
		t.Fatal(err)
	}
	for _, e := range i.ci.Events()[logins:] {
		if e.Kind == sandbox.KindLogin && e.User != "perpetual" {
			t.Errorf("the pipeline logs in as %s", e.User)
		}
	}
}

// keyIDs are those of a user.
func (i *piped) keyIDs(user string) []string {
	var ids []string
	for _, k := range i.keys[user] {
		ids = append(ids, k.ID)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(a, b) })
	return ids
}
