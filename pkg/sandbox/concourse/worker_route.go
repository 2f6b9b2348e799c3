package concourse

import (
	"encoding/json"
	"net/http"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

func (s *Server) listWorkers(*asked) reply {
	list := make([]atc.Worker, 0, len(s.Workers))
	for _, w := range s.Workers {
		list = append(list, atc.Worker{
			GardenAddr: "127.0.0.1:7777", BaggageclaimURL: "http://127.0.0.1:7788", ActiveContainers: len(s.On(w)),
			ResourceTypes: []atc.WorkerResourceType{}, Platform: "linux", Tags: atc.Tags{}, Name: w.Name,
			Version: w.Version, StartTime: w.Started.Unix(), State: w.State,
		})
	}
	return reply{value: list}
}

// putWorker is for requests that say since 8.3.0 whose worker it is, in a body
// that earlier releases do not look at.
func (s *Server) putWorker(do func(*engine.Engine, *engine.Worker)) answer {
	return func(r *asked) reply {
		var body struct {
			Team string `json:"team"`
		}
		if s.AtLeast("8.3.0") && json.NewDecoder(r.Body).Decode(&body) != nil {
			return reply{status: http.StatusBadRequest}
		}
		w := s.Worker(r.PathValue("worker"))
		if w == nil {
			return notFound
		}
		do(s.core, w)
		return reply{}
	}
}

func (s *Server) pruneWorker(r *asked) reply {
	w := s.Worker(r.PathValue("worker"))
	switch {
	case w == nil:
		return notFound
	case w.State == engine.Running:
		return reply{status: http.StatusBadRequest, value: atc.PruneWorkerResponseBody{Stderr: "cannot prune running worker"}}
	}
	s.Remove(w, engine.KindPruned)
	return reply{}
}
