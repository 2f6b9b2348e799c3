package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// control is a pipeline that is made otherwise, and what comes of it.
type control struct {
	title  string
	change func(job, put map[string]any)
	until  string // the director's answer is held until this happened to the worker; "" is not at all
	expect func(*stage, *round, time.Time)
}

// controls are what the design avoids. In the last two the worker's VM is
// replaced, so that a build that is not waited for is lost.
func controls() []control {
	return []control{
		{"as it is designed", func(_, _ map[string]any) {}, "landing", (*stage).expectWaited},
		{"without no_get", func(_, put map[string]any) { delete(put, "no_get") }, "landing", (*stage).expectNoWorker},
		{"with interruptible: true", func(job, put map[string]any) {
			job["interruptible"] = true
			vars(put)["worker_vm_type"] = otherVM
		}, workerStopped, (*stage).expectInterrupted},
		{"with detach: false", func(_, put map[string]any) {
			put["params"].(map[string]any)["detach"] = false
			vars(put)["worker_vm_type"] = "default"
		}, "", (*stage).expectDeadlock},
	}
}

// vars are those of a put's params.
func vars(put map[string]any) map[string]any {
	params, _ := put["params"].(map[string]any)
	found, ok := params["vars"].(map[string]any)
	if !ok {
		found = map[string]any{}
		params["vars"] = found
	}
	return found
}

func (s *stage) expectWaited(r *round, since time.Time) {
	worker := s.workers[0].name
	landing, stopped := s.record.first("landing", worker, since), s.record.first(workerStopped, worker, since)
	s.expect(!landing.IsZero() && r.upgrade.ended.After(landing), "as it is designed: the worker was landing while the build still ran",
		"landing %s, ended %s", clock(landing), clock(r.upgrade.ended))
	s.expect(s.succeeded(r.upgrade) && (stopped.IsZero() || stopped.After(r.upgrade.ended)), "as it is designed: the worker waited for the build, which succeeded",
		"it %s, stopped %s: %s", r.upgrade.Status, clock(stopped), tail(r.upgrade.log(), 300))
}

func (s *stage) expectNoWorker(r *round, _ time.Time) {
	s.expect(r.upgrade.put() != nil, "without no_get: the put itself succeeded", "%s", tail(r.upgrade.log(), 300))
	s.expect(r.upgrade.Status == "errored" && strings.Contains(r.upgrade.log(), "no workers"),
		"without no_get: the build errored, because the implicit get found no worker", "it %s: %s", r.upgrade.Status, tail(r.upgrade.log(), 300))
}

func (s *stage) expectInterrupted(r *round, since time.Time) {
	stopped := s.record.first(workerStopped, s.workers[0].name, since)
	s.expect(!stopped.IsZero() && r.upgrade.ended.After(stopped), "with interruptible: true: the worker did not wait for the build",
		"stopped %s, ended %s", clock(stopped), clock(r.upgrade.ended))
	s.expect(r.upgrade.Status == "errored", "with interruptible: true: the build errored", "it %s: %s", r.upgrade.Status, tail(r.upgrade.log(), 300))
}

func (s *stage) expectDeadlock(r *round, since time.Time) {
	late := s.record.first(drainTimedOut, s.workers[0].name, since)
	s.expect(!late.IsZero(), "with detach: false: the drain hit its timeout, because worker and build waited for each other", "it did not")
	s.expect(r.upgrade.Status == "errored", "with detach: false: the build errored", "it %s: %s", r.upgrade.Status, tail(r.upgrade.log(), 300))
}

// changeUpgrade changes the job upgrade of a pipeline and its put. The pipeline
// is then not set by the build, which would repair it.
func changeUpgrade(text string, change func(job, put map[string]any)) (string, error) {
	var pipeline map[string]any
	if err := yaml.Unmarshal([]byte(text), &pipeline); err != nil {
		return "", err
	}
	jobs, _ := pipeline["jobs"].([]any)
	for _, each := range jobs {
		job, _ := each.(map[string]any)
		plan, _ := job["plan"].([]any)
		if job["name"] != "upgrade" || len(plan) == 0 {
			continue
		}
		put, _ := plan[len(plan)-1].(map[string]any)
		if params, ok := put["params"].(map[string]any); ok && put["put"] == "deployment" {
			params["pipeline"] = map[string]any{"skip": true}
			change(job, put)
			changed, err := yaml.Marshal(pipeline)
			return string(changed), err
		}
	}
	return "", errors.New("the pipeline has no job upgrade that ends with a put of the deployment")
}

// playControls plays scenario 7, with one worker. Each deploy changes nothing
// but what is the worker's, so that BOSH begins with it.
func playControls(ctx context.Context, s *stage) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	bundled, err := s.fly(ctx, "get-pipeline", "-p", pipelineName)
	if err != nil {
		return err
	}
	for i, c := range controls() {
		s.line.add("control", "%s", c.title)
		altered, err := changeUpgrade(bundled, func(job, put map[string]any) {
			vars(put)["drain_timeout"] = fmt.Sprintf("%dm", 20+i)
			c.change(job, put)
		})
		if err != nil {
			return err
		}
		if err := s.alter(ctx, altered); err != nil {
			return err
		}
		if err := s.playControl(ctx, c, strconv.Itoa(2+i)); err != nil {
			return fmt.Errorf("%s: %w", c.title, err)
		}
	}
	return nil
}

// playControl starts the upgrade by hand and looks at what comes of it.
func (s *stage) playControl(ctx context.Context, c control, number string) error {
	r := &round{begin: time.Now(), deploys: len(s.world.deploys())}
	if c.until != "" {
		s.holdUntil(c.until, r.begin)
	}
	if _, err := s.fly(ctx, "trigger-job", "-j", pipelineName+"/upgrade"); err != nil {
		return err
	}
	var err error
	if r.upgrade, err = s.finished(ctx, "upgrade", number); err != nil {
		return err
	}
	c.expect(s, r, r.begin)
	accepted := s.world.deploys()[r.deploys:]
	if len(accepted) != 1 {
		return fmt.Errorf("the director started %d deploys", len(accepted))
	}
	if _, err := s.world.director.Wait(ctx, accepted[0].Task); err != nil {
		return err
	}
	_, err = s.finished(ctx, "verify", number)
	return err
}

// holdUntil holds the answer to the next deploy until some seconds after
// something happened to the first worker.
func (s *stage) holdUntil(kind string, since time.Time) {
	s.world.replies.hold(func(ctx context.Context) {
		if _, err := s.record.await(ctx, kind, s.workers[0].name, since, patience); err != nil {
			s.line.add("BOSH", "%v", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
		s.line.add("BOSH", "the answer to the deploy is sent")
	})
}
