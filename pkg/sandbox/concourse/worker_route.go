package concourse

import (
	"encoding/json"
	"net/http"

	"github.com/concourse/concourse/atc"
)

func (s *Server) listWorkers(*asked) reply {
	list := make([]atc.Worker, 0, len(s.workers))
	for _, w := range s.workers {
		list = append(list, atc.Worker{
			GardenAddr: "127.0.0.1:7777", BaggageclaimURL: "http://127.0.0.1:7788", ActiveContainers: len(s.on(w)),
			ResourceTypes: []atc.WorkerResourceType{}, Platform: "linux", Tags: atc.Tags{}, Name: w.name,
			Version: w.version, StartTime: w.started.Unix(), State: w.state,
		})
	}
	return reply{value: list}
}

// putWorker is for requests that say since 8.3.0 whose worker it is, in a body
// that earlier releases do not look at.
func (s *Server) putWorker(do func(*engine, *worker)) answer {
	return func(r *asked) reply {
		var body struct {
			Team string `json:"team"`
		}
		if s.atLeast("8.3.0") && json.NewDecoder(r.Body).Decode(&body) != nil {
			return reply{status: http.StatusBadRequest}
		}
		w := s.worker(r.PathValue("worker"))
		if w == nil {
			return notFound
		}
		do(s.engine, w)
		return reply{}
	}
}

func (s *Server) pruneWorker(r *asked) reply {
	w := s.worker(r.PathValue("worker"))
	switch {
	case w == nil:
		return notFound
	case w.state == running:
		return reply{status: http.StatusBadRequest, value: atc.PruneWorkerResponseBody{Stderr: "cannot prune running worker"}}
	}
	s.remove(w, KindPruned)
	return reply{}
}
