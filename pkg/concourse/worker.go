package concourse

import (
	"context"
	"errors"
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
// sees all. It fails with an error of package session, or the context's.
func (c *Client) Workers(ctx context.Context) ([]Worker, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := c.api(ctx, memberRight(c.team)).ListWorkers()
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
