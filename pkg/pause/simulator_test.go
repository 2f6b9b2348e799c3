package pause_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bosh/client"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/concourse/session"
	"github.com/perpetual-ci/perpetual/pkg/pause"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// simulated is a world with a director and a Concourse, and how a process reaches
// the director.
func simulated(t *testing.T) (w *world.World, director func() *client.Client) {
	t.Helper()
	w, err := world.Start(t.Context(), world.Options{Scale: 0.001})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w, func() *client.Client {
		c, err := client.New(client.Config{Config: transport.Config{URL: w.URLs["director"], CACert: w.CA, Client: world.DirectorClient, ClientSecret: secret.New(world.DirectorSecret)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

func TestInDirector_keepsTheListOnADirector(t *testing.T) {
	_, director := simulated(t)
	checkKeeper(t, func() pause.Keeper { return pause.InDirector(director(), "concourse") })
}

func TestInDirector_letsOneOfManyWrite(t *testing.T) {
	_, director := simulated(t)
	revision := ""
	for round := range 5 {
		var wins atomic.Int32
		var all sync.WaitGroup
		for writer := range 4 {
			k, list := pause.InDirector(director(), "concourse"), full()
			list.Build = fmt.Sprintf("build %d of round %d", writer, round)
			all.Go(func() {
				switch _, err := k.Save(t.Context(), list, revision); {
				case err == nil:
					wins.Add(1)
				case !errors.Is(err, pause.ErrConflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if wins.Load() != 1 {
			t.Errorf("%d writers have won", wins.Load())
		}
		var err error
		if _, revision, err = pause.InDirector(director(), "concourse").Load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPause_throughTheClients(t *testing.T) {
	w, director := simulated(t)
	for _, name := range []string{"self-upgrade", "app", "lib"} {
		if _, err := w.Concourse.SetPipeline(world.Team, name, nil, []byte("jobs: [{name: test, plan: [{get: apple}]}]\nresources: [{name: apple, type: time, source: {}}]")); err != nil {
			t.Fatal(err)
		}
		if name == "lib" {
			continue // as it is set, it is paused
		}
		if err := w.Concourse.Unpause(world.Team, name); err != nil {
			t.Fatal(err)
		}
	}
	web, err := concourse.New(concourse.Config{Config: session.Config{URL: w.URLs["concourse"], CACert: w.CA, Username: world.ConcourseUser, Password: secret.New(world.ConcoursePass)}})
	if err != nil {
		t.Fatal(err)
	}
	p := pause.Pause{ATC: web, Keeper: pause.InDirector(director(), "concourse"), Deployment: "concourse", Own: own, Still: 1}
	if err := p.Begin(t.Context(), "8.2.5", "8.3.0"); err != nil {
		t.Fatal(err)
	}
	list, found, err := p.Look(t.Context())
	if err != nil || !found || len(list.Pipelines) != 1 || list.Pipelines[0].By != world.ConcourseUser || list.Pipelines[0].At == 0 {
		t.Errorf("the list is %+v, %t, %v", list, found, err)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := p.End(t.Context())
	if err != nil || strings.Join(report.Unpaused, " ") != "main/app" || len(report.Left) > 0 {
		t.Errorf("report %+v, %v", report, err)
	}
	left, err := web.Pipelines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, pipeline := range left {
		if pipeline.Paused != (pipeline.Name == "lib") {
			t.Errorf("%s is paused: %t", pipeline.Name, pipeline.Paused)
		}
	}
}
