package concourse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrNoWorker says that there is no worker of a name.
var ErrNoWorker = errors.New("no such worker")

// Worker is one registered worker (GET /api/v1/workers).
type Worker struct {
	Name             string    // a BOSH worker's instance id: 6e5f9a1c-…
	State            string    // running, stalled, landing, landed or retiring
	Version          string    // of the worker protocol: 2.5
	Platform         string    // linux, windows or darwin
	Team             string    // empty: serves all teams
	Tags             []string  // [spot]; empty: takes untagged steps
	StartTime        time.Time // when the worker process started, to the second
	ActiveContainers int       // 12
}

// Workers lists the workers that the user may see; an owner of the main team
// sees all. It fails with ErrLogin, *StatusError, a transport error, or the
// context's error.
func (c *Client) Workers(ctx context.Context) ([]Worker, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := c.api(&call{ctx: ctx, client: c, login: true}).ListWorkers()
	if err != nil {
		return nil, c.explain("list the workers", err)
	}
	workers := make([]Worker, 0, len(list))
	for _, w := range list {
		workers = append(workers, Worker{
			Name: w.Name, State: w.State, Version: w.Version, Platform: w.Platform, Team: w.Team,
			Tags: w.Tags, StartTime: seconds(w.StartTime), ActiveContainers: w.ActiveContainers,
		})
	}
	return workers, nil
}

// adminRight is what landing and pruning a worker takes, in the words of a refusal.
const adminRight = "it takes an owner of the team main, or a member of the team that the worker belongs to"

// LandWorker has a worker take no new containers and leave when its builds have
// ended. It comes back when its process starts again. It fails with ErrNoWorker,
// and otherwise as Workers does.
//
// From 8.3.0 on Concourse wants a JSON body that says on behalf of which team; the
// library sends none.
func (c *Client) LandWorker(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.putWorker(ctx, name, "land", "{}")
}

// PruneWorker takes a worker that is gone off the list. It fails with ErrNoWorker,
// when the worker is running, and otherwise as Workers does.
func (c *Client) PruneWorker(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.putWorker(ctx, name, "prune", "")
}

// putWorker asks for something to be done with a worker.
func (c *Client) putWorker(ctx context.Context, name, action, body string) error {
	doing := action + " worker " + oneLine(name)
	if name == "" || strings.ContainsAny(name, "/?#") {
		return fmt.Errorf("%s: that is not a valid worker name", doing)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.url+"/api/v1/workers/"+url.PathEscape(name)+"/"+action, strings.NewReader(body))
	if err != nil {
		return c.explain(doing, err)
	}
	req.Header.Set("Content-Type", "application/json")
	over := &call{ctx: ctx, client: c, login: true, right: adminRight}
	res, err := (&http.Client{Transport: over}).Do(req)
	if statusOf(err) == http.StatusNotFound {
		return fmt.Errorf("%s: %w", doing, ErrNoWorker)
	}
	if err != nil {
		return c.explain(doing, err)
	}
	return res.Body.Close()
}
