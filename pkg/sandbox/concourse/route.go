package concourse

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/concourse/concourse/atc"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/concourse/engine"
)

// reply is an answer. The zero value is 200 without a body.
type reply struct {
	status int
	header map[string]string
	links  []string // Link headers
	value  any      // sent as JSON
	text   string   // sent as it is when there is no value
}

// asked is a request on its way through a handler, which runs under the lock.
type asked struct {
	*http.Request
	user string // who asks; empty: nobody that is known
}

// answer is what a handler is.
type answer func(*asked) reply

// routes binds the API's paths (atc/routes.go) to handlers.
func (s *Server) routes() {
	const pipeline = "/api/v1/teams/{team}/pipelines/{pipeline}"
	s.handle("POST /sky/issuer/token", s.giveToken)
	s.handle("GET /api/v1/info", anybody(s.getInfo))
	s.handle("GET /api/v1/health", s.getHealth)
	s.handle("GET /api/v1/user", s.known(s.getUser))
	s.handle("GET /api/v1/teams", anybody(s.listTeams))
	s.handle("GET /api/v1/teams/{team}", s.role(Viewer, s.getTeam))
	s.handle("PUT /api/v1/teams/{team}", s.role(Owner, s.setTeam))
	s.handle("GET /api/v1/pipelines", anybody(s.listPipelines))
	s.handle("GET /api/v1/teams/{team}/pipelines", anybody(s.listPipelines))
	s.handle("GET "+pipeline, s.role(Viewer, s.found(s.getPipeline)))
	s.handle("GET "+pipeline+"/config", s.role(Viewer, s.getConfig))
	s.handle("PUT "+pipeline+"/config", s.role(Member, s.saveConfig))
	s.handle("PUT "+pipeline+"/pause", s.role(PipelineOperator, s.found(live(s.putPause))))
	s.handle("PUT "+pipeline+"/unpause", s.role(PipelineOperator, s.found(live(s.putUnpause))))
	s.handle("PUT "+pipeline+"/archive", s.role(Member, s.found(s.putArchive)))
	s.handle("GET "+pipeline+"/builds", s.role(Viewer, s.found(s.pipelineBuilds)))
	s.handle("GET "+pipeline+"/jobs", s.role(Viewer, s.found(s.pipelineJobs)))
	s.handle("GET "+pipeline+"/jobs/{job}/builds", s.role(Viewer, s.found(s.pipelineBuilds)))
	s.handle("POST "+pipeline+"/jobs/{job}/builds", s.role(PipelineOperator, s.found(live(s.createBuild))))
	s.handle("POST "+pipeline+"/jobs/{job}/builds/{build}", s.role(PipelineOperator, s.found(live(s.rerunBuild))))
	s.handle("PUT "+pipeline+"/jobs/{job}/pause", s.role(PipelineOperator, s.found(s.putJobPause)))
	s.handle("PUT "+pipeline+"/jobs/{job}/unpause", s.role(PipelineOperator, s.found(s.putJobUnpause)))
	s.handle("GET /api/v1/jobs", anybody(s.listJobs))
	s.handle("GET /api/v1/teams/{team}/containers", s.role(Viewer, s.listContainers))
	s.handle("GET /api/v1/teams/{team}/builds", s.known(s.listBuilds))
	s.handle("GET /api/v1/builds", anybody(s.listBuilds))
	s.handle("GET /api/v1/builds/{build}", s.getBuild)
	s.handle("GET /api/v1/workers", s.known(s.listWorkers))
	s.handle("PUT /api/v1/workers/{worker}/land", s.admin(s.putWorker((*engine.Engine).Land)))
	s.handle("PUT /api/v1/workers/{worker}/retire", s.admin(s.putWorker((*engine.Engine).Retire)))
	s.handle("PUT /api/v1/workers/{worker}/prune", s.admin(s.pruneWorker))
	// Everything else is the web page's: Concourse answers any path with it.
	s.handle("GET /", webPage)
}

// webPage is what all other paths are answered with.
func webPage(*asked) reply {
	return reply{header: map[string]string{"Content-Type": "text/html; charset=utf-8"}, text: "<!doctype html><title>Concourse</title>"}
}

// handle runs a handler under the lock and sends its answer after it.
func (s *Server) handle(pattern string, do answer) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.Lock()
		re := do(&asked{Request: r, user: s.userOf(r)})
		if re.status == 0 {
			re.status = http.StatusOK
		}
		s.log(r, re.status)
		s.Unlock()
		for name, value := range re.header {
			w.Header().Set(name, value)
		}
		for _, link := range re.links {
			w.Header().Add("Link", link)
		}
		if re.value == nil {
			w.WriteHeader(re.status)
			_, _ = io.WriteString(w, re.text)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(re.status)
		_ = json.NewEncoder(w).Encode(re.value)
	})
}

// The texts are those of atc/api/auth.UnauthorizedRejector.
var (
	unauthorized = reply{status: http.StatusUnauthorized, text: "not authorized"}
	forbidden    = reply{status: http.StatusForbidden, text: "forbidden"}
	notFound     = reply{status: http.StatusNotFound}
)

// anybody lets all pass who have no token or a valid one.
func anybody(do answer) answer {
	return func(r *asked) reply {
		if r.user == "" && r.Header.Get("Authorization") != "" {
			return unauthorized
		}
		return do(r)
	}
}

// known lets only users with a valid token pass.
func (s *Server) known(do answer) answer {
	return func(r *asked) reply {
		if r.user == "" {
			return unauthorized
		}
		return do(r)
	}
}

// role lets only users pass that have a role in the team of the path.
func (s *Server) role(need string, do answer) answer {
	return s.known(func(r *asked) reply {
		if !s.may(r.user, r.PathValue("team"), need) {
			return forbidden
		}
		return do(r)
	})
}

// admin lets only owners of the main team pass.
func (s *Server) admin(do answer) answer {
	return s.known(func(r *asked) reply {
		if !s.isAdmin(r.user) {
			return forbidden
		}
		return do(r)
	})
}

func (s *Server) getInfo(*asked) reply {
	return reply{value: atc.Info{
		Version: s.Web.Release.Version, WorkerVersion: s.Web.Release.Worker,
		ExternalURL: s.Options.ExternalURL, ClusterName: s.Options.ClusterName, FeatureFlags: map[string]bool{},
	}}
}

// limit is the page size that a request asks for; 100 is the API's default.
func limit(r *asked) int {
	if n := number(r, atc.PaginationQueryLimit); n > 0 {
		return n
	}
	return atc.PaginationAPIDefaultLimit
}

// number is a number of the query; 0: it has none.
func number(r *asked, name string) int {
	n, _ := strconv.Atoi(r.URL.Query().Get(name))
	return n
}
