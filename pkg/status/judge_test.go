package status

import (
	"slices"
	"testing"
	"time"
)

// healthy is an installation with nothing out of order.
func healthy() Status {
	return Status{
		Name: "ci", Versions: map[string]string{"concourse": "8.2.5"},
		Director: Service{State: "running"}, Web: Service{State: "running", Version: "8.2.5"},
		VMs:     []Member{{Name: "web/0", State: "running"}, {Name: "worker/0", State: "running"}},
		Workers: []Member{{Name: "worker-0", State: "running"}, {Name: "worker-1", State: "landed"}},
	}
}

func TestJudge_findsWhatIsOutOfOrder(t *testing.T) {
	since := time.Date(2026, 8, 26, 12, 0, 0, 0, time.UTC)
	paused := PausedPipelines{Phase: "paused", Since: since, Build: "build 7", From: "8.2.5", To: "8.3.0", Pipelines: 1, Teams: []string{"main"}}
	awaited := paused
	awaited.Awaited = true
	lease := LeaseHolder{ID: "f00", Purpose: "deploy ci", Host: "4f1c", PID: 12, Since: since, Renewed: 10}
	stale := lease
	stale.Stale, stale.Renewed = true, 300
	for name, c := range map[string]struct {
		change   func(*Status)
		problems []string
		healthy  bool
	}{
		"nothing":               {func(*Status) {}, nil, true},
		"a VM that fails":       {func(s *Status) { s.VMs[1].State = "failing" }, []string{"VM worker/0: failing"}, false},
		"an instance with none": {func(s *Status) { s.VMs[0].State = "no VM" }, []string{"VM web/0: no VM"}, false},
		"no worker":             {func(s *Status) { s.Workers = nil }, []string{"no worker is running"}, false},
		"stalled workers alone": {func(s *Status) { s.Workers[0].State = "stalled" }, []string{"no worker is running"}, false},
		"another Concourse":     {func(s *Status) { s.Web.Version = "8.2.4" }, []string{"Concourse is 8.2.4, wanted is 8.2.5"}, false},
		"nothing deployed yet":  {func(s *Status) { s.Versions = nil }, nil, true},
		"a web node that does not answer": {
			// Why is a problem already; its workers are not known, and none is said to be missing.
			func(s *Status) {
				s.Web, s.Workers, s.Problems = Service{State: "no answer"}, nil, []string{"Concourse does not answer: EOF"}
			},
			[]string{"Concourse does not answer: EOF"}, false,
		},
		"a director that is not there": {func(s *Status) { s.Director, s.VMs = Service{State: "not there"}, nil }, nil, false},
		"pipelines paused for long": {func(s *Status) { s.Paused = &paused }, []string{
			"1 pipeline of team main paused since 2026-08-26 12:00:00 UTC by build 7 for Concourse 8.2.5 → 8.3.0, before the deploy, " +
				"and no upgrade is under way that will unpause them: perpetual resume ci",
		}, false},
		"pipelines paused by an upgrade": {func(s *Status) { s.Paused = &awaited }, nil, true},
		"a run":                          {func(s *Status) { s.Lease = &lease }, nil, true},
		"a run that is dead": {func(s *Status) { s.Lease = &stale }, []string{
			`a run holds the lease: "deploy ci" (host 4f1c, pid 12), since 2026-08-26 12:00:00 UTC, renewed 5m0s ago; ` +
				"it is dead or cannot reach the state, and the next run takes the lease over; if that run is certainly dead: perpetual unlock ci --id f00",
		}, false},
	} {
		s := healthy()
		c.change(&s)
		s.judge()
		if s.Healthy != c.healthy || !slices.Equal(s.Problems, c.problems) {
			t.Errorf("%s: healthy %t, problems %q; want %t, %q", name, s.Healthy, s.Problems, c.healthy, c.problems)
		}
	}
}
