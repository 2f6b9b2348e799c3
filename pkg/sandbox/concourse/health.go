package concourse

import (
	"net/http"
	"time"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

// health is what GET /api/v1/health answers since 8.3.0 (atc/api/healthserver).
type health struct {
	Status    string    `json:"status"` // ok or failing
	Timestamp time.Time `json:"timestamp"`
	Database  struct {
		Status string `json:"status"` // healthy
	} `json:"database"`
	Workers struct {
		Status    string   `json:"status"` // healthy or unhealthy
		Total     int      `json:"total"`
		Running   int      `json:"running"`
		Unhealthy []string `json:"unhealthy_workers,omitempty"` // names of those that are not running
	} `json:"workers"`
	Components []componentHealth `json:"components"`
}

// componentHealth is one of the web's recurring tasks.
type componentHealth struct {
	Name    string    `json:"name"` // scheduler
	Status  string    `json:"status"`
	Paused  bool      `json:"paused"`
	LastRan time.Time `json:"last_ran"`
}

// getHealth tells nothing of versions, and takes workers of any for healthy.
// Before 8.3.0 the path is one of the web page's.
func (s *Server) getHealth(r *asked) reply {
	if !s.AtLeast("8.3.0") {
		return webPage(r)
	}
	h := health{Status: "ok", Timestamp: s.Options.Now().UTC()}
	h.Database.Status, h.Workers.Status = "healthy", "healthy"
	for _, w := range s.Workers {
		h.Workers.Total++
		if w.State == engine.Running {
			h.Workers.Running++
		} else {
			h.Workers.Unhealthy = append(h.Workers.Unhealthy, w.Name)
		}
	}
	for _, name := range []string{atc.ComponentScheduler, atc.ComponentBuildTracker, atc.ComponentLidarScanner} {
		h.Components = append(h.Components, componentHealth{Name: name, Status: "healthy", LastRan: h.Timestamp})
	}
	status := http.StatusOK
	if h.Workers.Running == 0 {
		h.Status, h.Workers.Status, status = "failing", "unhealthy", http.StatusServiceUnavailable
	}
	return reply{status: status, value: h}
}
