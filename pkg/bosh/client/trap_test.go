package client_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudfoundry/bosh-cli/v7/director"
	bosherr "github.com/cloudfoundry/bosh-utils/errors"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/vacant"
)

// These tests hold what bosh-cli does that this package works around. One that
// fails after an upgrade of the library says that a work-around may go, or that
// it must change.

// library is bosh-cli's own client for d, as the bosh CLI makes it.
func library(t *testing.T, d *httptest.Server) director.Director {
	t.Helper()
	u, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, _ := strconv.Atoi(u.Port())
	lib, err := director.NewFactory(boshlog.NewWriterLogger(boshlog.LevelNone, io.Discard)).New(director.FactoryConfig{
		Host: u.Hostname(), Port: port, CACert: ca(d), Client: "admin", ClientSecret: password,
	}, director.NewNoopTaskReporter(), director.NewNoopFileReporter())
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// acceptor makes a task of every deploy that reaches it, and loses the replies
// that lose says, counted from 1 for each method.
type acceptor struct {
	deploys, looks atomic.Int32
	lose           func(method string, n int) bool
}

func (a *acceptor) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /deployments": func(w http.ResponseWriter, r *http.Request) {
			n := int(a.deploys.Add(1))
			if a.lose("POST", n) {
				drop(w, r)
				return
			}
			started(n)(w, r)
		},
		"GET /tasks": func(w http.ResponseWriter, r *http.Request) {
			var tasks []string
			for id := range int(a.deploys.Load()) {
				tasks = append(tasks, task(id+1, "done"))
			}
			text(200, "["+strings.Join(tasks, ",")+"]")(w, r)
		},
		"GET /tasks/1": a.look(1), "GET /tasks/2": a.look(2), "GET /tasks/3": a.look(3),
		"GET /tasks/1/output": text(200, ""), "GET /tasks/2/output": text(200, ""), "GET /tasks/3/output": text(200, ""),
	}
}

func (a *acceptor) look(id int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.lose("GET", int(a.looks.Add(1))) {
			drop(w, r)
			return
		}
		text(200, task(id, "done"))(w, r)
	}
}

func TestTrap_theLibrarySendsADeployAgainWhenAReplyIsLost(t *testing.T) {
	cases := map[string]func(method string, n int) bool{
		"the reply to the deploy":      func(method string, n int) bool { return method == "POST" && n == 1 },
		"the reply to the redirection": func(method string, n int) bool { return method == "GET" && n == 1 },
	}
	for name, lose := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs := &acceptor{lose: lose}
			deployment, err := library(t, newDirector(t, theirs.routes()).Server).FindDeployment("concourse")
			if err == nil {
				err = deployment.Update(manifest, director.UpdateOpts{})
			}
			if n := theirs.deploys.Load(); err != nil || n != 2 {
				t.Errorf("the library sent %d deploys, error %v: it does not repeat them any more", n, err)
			}

			ours := &acceptor{lose: lose}
			client, _ := connect(t, ours.routes())
			_, err = client.Deploy(t.Context(), manifest, bosh.DeployOptions{ContextID: "ctx"})
			var uncertain *bosh.UncertainError
			if err != nil && !errors.As(err, &uncertain) {
				t.Fatal(err)
			}
			tasks, err := client.Tasks(t.Context(), bosh.TaskFilter{ContextID: "ctx"})
			if err != nil || len(tasks) != 1 || ours.deploys.Load() != 1 {
				t.Errorf("this package sent %d deploys; tasks %v, error %v", ours.deploys.Load(), tasks, err)
			}
		})
	}
}

func TestTrap_theLibraryGivesUpWatchingAfterAShortOutage(t *testing.T) {
	t.Parallel()
	// The director is away for 12 looks: more than the library's 5, each 0.5 s apart.
	away := func(first int) func(string, int) bool {
		return func(method string, n int) bool { return method == "GET" && n > first && n <= first+12 }
	}
	theirs := &acceptor{lose: away(1)}
	found, err := library(t, newDirector(t, theirs.routes()).Server).FindTask(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.EventOutput(director.NewNoopTaskReporter()); err == nil {
		t.Error("the library waits through an outage of 12 requests now")
	}
	if n := theirs.looks.Load(); n > 12 {
		t.Errorf("the library looked %d times", n)
	}

	ours := &acceptor{lose: away(0)}
	client, _ := connect(t, ours.routes())
	task, err := client.Wait(t.Context(), 1, nil)
	if err != nil || !task.Succeeded() || ours.looks.Load() != 13 {
		t.Errorf("task %+v after %d looks, error %v", task, ours.looks.Load(), err)
	}
}

// It does not compile any more when the library's calls take a context.
var _ interface {
	FindTask(int) (director.Task, error)
	Stemcells() ([]director.Stemcell, error)
} = director.Director(nil)

var _ interface {
	EventOutput(director.TaskReporter) error
} = director.Task(nil)

func TestTrap_theLibrarysErrorsCannotBeLookedInto(t *testing.T) {
	t.Parallel()
	if errors.Is(bosherr.WrapError(io.EOF, "Reading"), io.EOF) {
		t.Error("ComplexError can be unwrapped now")
	}
	d := newDirector(t, nil)
	d.URL = "https://" + vacant.Address(t)
	lib, config := library(t, d.Server), login(d)

	var dial *net.OpError
	_, err := lib.Locks()
	for walk := err; ; {
		var complex bosherr.ComplexError
		if errors.As(walk, &dial) {
			t.Errorf("the library keeps the cause of %v now", err)
		}
		if !errors.As(walk, &complex) {
			break
		}
		walk = complex.Cause // not enough either: its HTTP client makes text of the cause
	}
	if _, err := newClient(t, config).Locks(t.Context()); !errors.As(err, &dial) {
		t.Errorf("this package loses the cause in %v", err)
	}
}

func TestTrap_theLibraryRepeatsARefusedPassword(t *testing.T) {
	t.Parallel()
	d := newDirector(t, map[string]http.HandlerFunc{"GET /locks": text(401, "Not authorized: '/locks'\n")})
	if _, err := library(t, d.Server).Locks(); err == nil || d.count("GET") != 2 {
		t.Errorf("the library asked %d times, error %v", d.count("GET"), err)
	}
}

func TestTrap_theLibraryTakesAFailedDiffForNone(t *testing.T) {
	t.Parallel()
	d := newDirector(t, map[string]http.HandlerFunc{"POST /deployments/d/diff": text(200, `{"diff":[],"error":"Unable to diff manifest: #<X>"}`)})
	deployment, err := library(t, d.Server).FindDeployment("d")
	if err != nil {
		t.Fatal(err)
	}
	if diff, err := deployment.Diff(manifest, false); err != nil || len(diff.Diff) != 0 {
		t.Errorf("the library tells a failed diff now: %v, %v", diff, err)
	}
	if _, err := newClient(t, login(d)).Diff(t.Context(), "d", manifest); err == nil || !strings.Contains(err.Error(), "Unable to diff") {
		t.Errorf("this package does not: %v", err)
	}
}

func TestTrap_theLibraryCannotReadAListWithAVersionThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	d := newDirector(t, map[string]http.HandlerFunc{"GET /releases": text(200, `[{"name":"r","release_versions":[{"version":"1..2"}]}]`)})
	if list, err := library(t, d.Server).Releases(); err == nil {
		t.Errorf("the library reads it now: %v", fmt.Sprint(list))
	}
}
