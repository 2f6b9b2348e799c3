package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
	simulated "github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// pipelineName is the pipeline that upgrades its Concourse.
const pipelineName = "self-upgrade"

// patience bounds waits for what comes at once on an idle machine: a machine that
// is busy with other work may take long.
const patience = 5 * time.Minute

// oldSet and newSet are the component sets before and after the site's upgrade.
func (s *site) oldSet() simulated.Set {
	return simulated.Set{Concourse: s.options.from, BPM: "1.4.33", Postgres: "54.0.5", Stemcell: "1.1340", Perpetual: oldPerpetual, Images: s.signed(oldPerpetual)}
}

func (s *site) newSet() simulated.Set {
	return simulated.Set{Concourse: s.options.to, BPM: "1.4.34", Perpetual: newPerpetual, Images: s.signed(newPerpetual)}
}

// signed are the digests of Perpetual's images that its releases are signed with: that of
// the image in the registry, and of an installer, which nothing runs here.
func (s *site) signed(version string) map[string]string {
	return map[string]string{"resource": s.images.digest(version), "installer": publisher.ImageDigest(version, "installer")}
}

// newStemcell is one with which VMs are replaced.
const newStemcell = "1.1364"

// stage is a scenario being played: its site, what must be true of it, and when
// the phases of its upgrade were over.
type stage struct {
	*site
	expectations []expectation
	phases       []phase
	set          config // the pipeline as fly set it
}

// expectation is something that must have been seen.
type expectation struct {
	ok   bool
	what string
	seen string // instead, if it was not
}

// phase is a part of an upgrade with the time since the deploy was accepted.
type phase struct {
	name string
	at   time.Time
}

// expect notes whether something is as it must be.
func (s *stage) expect(ok bool, what, seen string, args ...any) {
	s.expectations = append(s.expectations, expectation{ok, what, fmt.Sprintf(seen, args...)})
	if ok {
		s.line.add("seen", "%s", what)
	} else {
		s.line.add("NOT SEEN", "%s: %s", what, fmt.Sprintf(seen, args...))
	}
}

// failed says whether any expectation was not met.
func (s *stage) failed() int {
	n := 0
	for _, e := range s.expectations {
		if !e.ok {
			n++
		}
	}
	return n
}

// install deploys the old set with the program itself, from outside: it starts
// web and workers. Then the operator logs in.
func (s *stage) install(ctx context.Context) error {
	s.world.publish(s.oldSet())
	dir := s.path("install")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var versions []player.Version
	if err := s.resource(ctx, "check", "", map[string]any{"source": s.componentsSource()}, &versions); err != nil {
		return err
	}
	if len(versions) != 1 {
		return fmt.Errorf("the first check gave %d versions", len(versions))
	}
	var got player.Result
	in := map[string]any{"source": s.componentsSource(), "version": versions[0]}
	if err := s.resource(ctx, "in", filepath.Join(dir, "components"), in, &got); err != nil {
		return err
	}
	out := map[string]any{"source": s.deploymentSource(), "params": map[string]any{
		"components": "components", "vars": s.manifestVars(), "detach": false,
	}}
	if err := s.resource(ctx, "out", dir, out, &got); err != nil {
		return err
	}
	s.line.add("install", "deployed from outside as director task %s", got.Version["task"])
	for _, w := range s.workers {
		if _, err := s.record.await(ctx, "running", w.name, time.Time{}, patience); err != nil {
			return err
		}
	}
	return s.loginFly(ctx)
}

// resource runs the resource's program on this machine.
func (s *stage) resource(ctx context.Context, verb, dir string, stdin, result any) error {
	log, err := os.OpenFile(s.path("install.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	program := filepath.Join(s.images.rootfs[oldPerpetual], "opt/resource/resource")
	return player.Run(ctx, program, player.Process{Verb: verb, Stdin: stdin, Dir: dir, Stderr: log}, result)
}

// setPipeline sets the bundled pipeline as pkg/docs/pipeline.md says, with more vars or
// without, and unpauses it.
func (s *stage) setPipeline(ctx context.Context, more map[string]any) error {
	vars := s.pipelineVars()
	maps.Copy(vars, more)
	text, err := s.bundled(ctx, vars)
	if err != nil {
		return err
	}
	return s.setText(ctx, text)
}

// bundled is the bundled pipeline with these values, as the program prints it.
func (s *stage) bundled(ctx context.Context, vars map[string]any) (string, error) {
	if err := s.writeVars(s.path("vars.yml"), vars); err != nil {
		return "", err
	}
	program := filepath.Join(s.images.rootfs[oldPerpetual], "usr/local/bin/perpetual")
	return run(ctx, "", nil, program, "pipeline", "-l", s.path("vars.yml"))
}

// setText sets the pipeline to a text and unpauses it.
func (s *stage) setText(ctx context.Context, text string) error {
	if err := os.WriteFile(s.path("pipeline.yml"), []byte(text), 0o600); err != nil {
		return err
	}
	_, err := s.fly(ctx, "validate-pipeline", "--strict", "-c", s.path("pipeline.yml"))
	s.expect(err == nil, "fly validate-pipeline --strict passes", "%v", err)
	if _, err := s.fly(ctx, "set-pipeline", "--team", s.team(), "-n", "-p", pipelineName, "-c", s.path("pipeline.yml")); err != nil {
		return err
	}
	if s.set, err = s.api.config(ctx, pipelineName); err != nil {
		return err
	}
	_, err = s.fly(ctx, "unpause-pipeline", "--team", s.team(), "-p", pipelineName)
	return err
}

func (s *stage) writeVars(path string, vars map[string]any) error {
	text, err := yaml.Marshal(vars)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// alter sets the pipeline to a text.
func (s *stage) alter(ctx context.Context, text string) error {
	if err := os.WriteFile(s.path("altered.yml"), []byte(text), 0o600); err != nil {
		return err
	}
	_, err := s.fly(ctx, "set-pipeline", "-n", "-p", pipelineName, "-c", s.path("altered.yml"))
	return err
}

// settle installs, sets the pipeline and waits for its first builds: there is
// nothing to deploy, and the deployment is verified.
func (s *stage) settle(ctx context.Context) error {
	if err := s.install(ctx); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := s.setPipeline(ctx, nil); err != nil {
		return fmt.Errorf("set the pipeline: %w", err)
	}
	for _, job := range []string{"upgrade", "verify"} {
		b, err := s.finished(ctx, job, "1")
		if err != nil {
			return err
		}
		if b.Status != "succeeded" {
			return fmt.Errorf("the first build of %s is %s: %s", job, b.Status, b.log())
		}
	}
	return nil
}

// find gives a build as far as it is known.
func (s *stage) find(pipeline, job, name string) (build, bool) {
	for _, b := range s.record.all() {
		if b.PipelineName == pipeline && b.JobName == job && b.Name == name {
			return b, true
		}
	}
	return build{}, false
}

// finished waits for the end of a build of the bundled pipeline.
func (s *stage) finished(ctx context.Context, job, name string) (build, error) {
	return s.finishedIn(ctx, pipelineName, job, name)
}

// finishedIn waits for the end of a build. Nobody triggers it; so that nobody has
// to wait ten minutes for the next check, those minutes are let pass when
// nothing has happened for a while.
func (s *stage) finishedIn(ctx context.Context, pipeline, job, name string) (build, error) {
	var found build
	next := time.Now()
	err := eventually(ctx, patience, job+" #"+name, func(ctx context.Context) error {
		var ok bool
		found, ok = s.find(pipeline, job, name)
		switch {
		case ok && !found.ended.IsZero():
			return nil
		case ok || time.Now().Before(next):
			return errNotYet
		}
		next = time.Now().Add(10 * time.Second)
		return errors.Join(errNotYet, s.passTime(ctx))
	})
	return found, err
}

// passTime makes the checks' intervals be over, as if ten minutes had passed.
func (s *stage) passTime(ctx context.Context) error {
	const statement = "UPDATE resource_config_scopes SET last_check_start_time = last_check_start_time - interval '1 hour', last_check_end_time = last_check_end_time - interval '1 hour'"
	return s.db.execute(ctx, statement)
}

// fly runs the fly CLI as the operator.
func (s *stage) fly(ctx context.Context, args ...string) (string, error) {
	return run(ctx, s.dir, []string{"HOME=" + s.dir}, s.tools.fly(), append([]string{"-t", "e2e"}, args...)...)
}

func (s *stage) loginFly(ctx context.Context) error {
	_, err := s.fly(ctx, "login", "-c", s.web.url(), "-u", flyUser, "-p", flyPassword)
	return err
}
