package concourse_test

import (
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestInfo_needsNoLogin(t *testing.T) {
	w := newWorld(t, nil, func(c *concourse.Config) { c.Username, c.Password = "", secret.Value{} })
	info, err := w.client.Info(t.Context())
	want := concourse.Info{Version: "8.2.5", WorkerVersion: "2.5", ExternalURL: "https://ci.example.com", ClusterName: "test"}
	if err != nil || info != want {
		t.Errorf("Info = %+v, %v", info, err)
	}
	for _, r := range w.atc.Requests() {
		if r.Authorized || r.Path != "/api/v1/info" {
			t.Errorf("request %+v", r)
		}
	}
}

func TestWorkers_tellsStateAndVersion(t *testing.T) {
	w := newWorld(t, nil)
	w.atc.RegisterWorker("one", "")
	w.atc.RegisterWorker("two", "2.4")
	if err := w.atc.LandWorker("two"); err != nil {
		t.Fatal(err)
	}
	workers, err := w.client.Workers(t.Context())
	if err != nil || len(workers) != 2 {
		t.Fatalf("Workers = %+v, %v", workers, err)
	}
	if one := workers[0]; one.Name != "one" || one.State != "running" || one.Version != "2.5" || one.Platform != "linux" ||
		time.Since(one.StartTime) > time.Hour {
		t.Errorf("worker %+v", one)
	}
	if two := workers[1]; two.State != "landed" || two.Version != "2.4" {
		t.Errorf("worker %+v", two)
	}
}
