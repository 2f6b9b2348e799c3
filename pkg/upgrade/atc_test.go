package upgrade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/concourse"
)

// look is what a look at the ATC gives.
type look struct {
	version, workerVersion string
	workers                []concourse.Worker
	err                    error
	workersErr             error
	hangs                  bool // until the caller gives up
}

// fakeATC is a Concourse API in memory.
type fakeATC struct {
	*effects
	fakeTeams

	mu        sync.Mutex
	pipelines map[string][]byte    // by name and instance vars
	looks     []look               // one for each Info; the last one stays
	now       look                 // what the last Info gave
	diff      []concourse.DiffLine // of a change; a default one if nil
	readErr   error                // of Pipeline
	setErr    error                // of SetPipeline and DiffPipeline
}

func pipelineKey(p concourse.Pipeline) string {
	if len(p.InstanceVars) == 0 {
		return p.Name
	}
	vars, _ := json.Marshal(p.InstanceVars) // the tests' own values
	return p.Name + " " + string(vars)
}

func (a *fakeATC) Info(ctx context.Context) (concourse.Info, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = a.looks[0]
	if len(a.looks) > 1 {
		a.looks = a.looks[1:]
	}
	if a.now.hangs {
		<-ctx.Done()
		return concourse.Info{}, ctx.Err()
	}
	return concourse.Info{Version: a.now.version, WorkerVersion: a.now.workerVersion}, a.now.err
}

func (a *fakeATC) Workers(context.Context) ([]concourse.Worker, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now.workersErr != nil {
		return nil, fmt.Errorf("list the workers: %w", a.now.workersErr) // as the adapter does
	}
	return a.now.workers, nil
}

func (a *fakeATC) PipelineConfig(_ context.Context, p concourse.Pipeline) (concourse.PipelineConfig, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text, ok := a.pipelines[pipelineKey(p)]
	if a.readErr != nil {
		return concourse.PipelineConfig{}, fmt.Errorf("read pipeline %s: %w", p.Name, a.readErr) // as the adapter does
	}
	return concourse.PipelineConfig{YAML: text, Exists: ok}, nil
}

func (a *fakeATC) DiffPipeline(_ context.Context, p concourse.Pipeline, config []byte) (concourse.PipelineChange, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, ok := a.pipelines[pipelineKey(p)]
	switch {
	case a.setErr != nil:
		return concourse.PipelineChange{}, a.setErr
	case !ok:
		return concourse.PipelineChange{Created: true}, nil
	case bytes.Equal(now, config):
		return concourse.PipelineChange{}, nil
	}
	if a.diff != nil {
		return concourse.PipelineChange{Updated: true, Diff: a.diff}, nil
	}
	return concourse.PipelineChange{Updated: true, Diff: []concourse.DiffLine{{Op: "-", Text: "tag: 1.2.0"}, {Op: "+", Text: "tag: 1.3.0"}}}, nil
}

func (a *fakeATC) SetPipeline(ctx context.Context, p concourse.Pipeline, config []byte) (concourse.PipelineChange, error) {
	change, err := a.DiffPipeline(ctx, p, config)
	if change.Created || change.Updated {
		a.effects.add("set pipeline %s", pipelineKey(p))
		a.mu.Lock()
		a.pipelines[pipelineKey(p)] = config
		a.mu.Unlock()
	}
	return change, err
}

// pipeline is the text of a pipeline.
func (a *fakeATC) pipeline(key string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return string(a.pipelines[key])
}
