package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// otherPipeline has builds that have nothing to do with the upgrade: each waits
// until the latch of its job is given. The version of their image is pinned: without
// it each build would begin with a check, which has nothing to do with it.
func (s *stage) otherPipeline(jobs []string, digest string) string {
	var b strings.Builder
	b.WriteString("jobs:\n")
	for _, job := range jobs {
		fmt.Fprintf(&b, `- name: %s
  plan:
  - task: wait
    config:
      platform: linux
      image_resource: {type: registry-image, source: {repository: %s/waiter}, version: {tag: latest, digest: "%s"}}
      run: {path: /bin/registryimage, args: [wait, "%s/%s"]}
`, job, s.world.registry(), digest, s.world.urls["latch"], job)
	}
	return b.String()
}

// setOther makes another team with a pipeline of such jobs, and waits until the
// recorder knows that it is unpaused: who looks at it next must not take it for
// one that an upgrade has paused.
func (s *stage) setOther(ctx context.Context, jobs ...string) error {
	since := time.Now()
	if err := s.writeOther("other.yml", jobs); err != nil {
		return err
	}
	if _, err := s.fly(ctx, "set-team", "--non-interactive", "--team-name", otherTeam, "--local-user", flyUser); err != nil {
		return err
	}
	if _, err := s.fly(ctx, "set-pipeline", "--team", otherTeam, "-n", "-p", otherTeam, "-c", s.path("other.yml")); err != nil {
		return err
	}
	if _, err := s.fly(ctx, "unpause-pipeline", "--team", otherTeam, "-p", otherTeam); err != nil {
		return err
	}
	_, err := s.record.await(ctx, unpaused, "pipeline "+otherTeam, since, patience)
	return err
}

// writeOther writes a pipeline of such jobs to a file of the site.
func (s *stage) writeOther(name string, jobs []string) error {
	digest, err := s.images.waiter.Digest()
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(name), []byte(s.otherPipeline(jobs, digest.String())), 0o600)
}

// trigger starts a build of the other team and waits until it runs on a worker.
func (s *stage) trigger(ctx context.Context, job string) (build, error) {
	if _, err := s.fly(ctx, "trigger-job", "--team", otherTeam, "-j", otherTeam+"/"+job); err != nil {
		return build{}, err
	}
	var found build
	err := eventually(ctx, patience, job, func(context.Context) error {
		found = s.other(job)
		if !found.ended.IsZero() || strings.Contains(found.log(), "waiting for") {
			return nil
		}
		return errNotYet
	})
	return found, err
}

// other is the other team's build of a job.
func (s *stage) other(job string) build {
	all := s.record.all()
	at := slices.IndexFunc(all, func(b build) bool { return b.TeamName == otherTeam && b.JobName == job })
	if at < 0 {
		return build{}
	}
	return all[at]
}

// ended waits for the end of the other team's build of a job.
func (s *stage) ended(ctx context.Context, job string) (build, error) {
	var found build
	err := eventually(ctx, patience, job, func(context.Context) error {
		if found = s.other(job); found.ended.IsZero() {
			return errNotYet
		}
		return nil
	})
	return found, err
}

// on is the worker that a build's last step ran on.
func (b *build) on() string {
	if len(b.worker) == 0 {
		return ""
	}
	return b.worker[len(b.worker)-1]
}
