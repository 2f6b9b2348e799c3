package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// gateRelease is the name of this project's own BOSH release.
const gateRelease = boshrelease.Name

// postStartTime is longer than a post-start script waits in any scenario.
const postStartTime = 10 * time.Minute

// postStartLog is what the gate's script has printed.
const postStartLog = "post-start.log"

// postStart is what BOSH's agent does when the processes of an instance run: it
// runs the post-start scripts of its jobs. The one script that there is, is the
// gate's of the release that was uploaded.
func (s *site) postStart(ctx context.Context, u director.Update) error {
	if u.Group != "web" || !slices.Contains(u.Jobs, boshrelease.GateJob) {
		return nil
	}
	version := u.Releases[boshrelease.Name]
	script, ok := s.world.director.JobTemplate(boshrelease.Name, version, boshrelease.GateJob, "post-start")
	if !ok {
		return fmt.Errorf("the director has no post-start of %s in %s/%s", boshrelease.GateJob, boshrelease.Name, version)
	}
	vm, err := s.layOut(u, script)
	if err != nil {
		return err
	}
	s.line.add("BOSH", "task %d runs the gate's post-start of %s/%d", u.Task, u.Group, u.Index)
	s.record.note(gateStarted, "web")
	began := time.Now()
	p, err := s.launcher.start(spec{
		name: "the gate's post-start", path: "sh", args: []string{"-c", vcapScript, vm, s.tools.concourse(u.Releases["concourse"])},
		env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, dir: s.dir, log: s.path(postStartLog), namespaces: true,
	})
	if err != nil {
		return err
	}
	if !p.wait(ctx, postStartTime) {
		p.stop(ctx, time.Second, syscall.SIGTERM)
		return errors.Join(ctx.Err(), fmt.Errorf("%s did not end", p.name))
	}
	s.record.note(gateEnded, "web")
	s.line.add("BOSH", "the gate's post-start ended after %.1f s: %v", time.Since(began).Seconds(), p.err)
	if p.err != nil {
		return fmt.Errorf("%s: %w; see %s", p.name, p.err, p.log)
	}
	return nil
}

// vcapScript lays out /var/vcap as it is on a VM with the job web, in a mount
// namespace of its own, and runs the script there.
const vcapScript = `set -e
cd "$0"
mount --make-rprivate /
mount -t tmpfs tmpfs /var
cp -R . /var/vcap
mkdir -p /var/vcap/packages/concourse/bin
ln -s "$1" /var/vcap/packages/concourse/bin/concourse
exec /var/vcap/jobs/gate/bin/post-start`

// layOut writes the files of the VM below a directory: what the jobs web and gate
// are rendered to.
func (s *site) layOut(u director.Update, script []byte) (string, error) {
	vm := s.path("vcap")
	if err := os.RemoveAll(vm); err != nil {
		return "", err
	}
	for path, file := range map[string]struct {
		content []byte
		mode    os.FileMode
	}{
		"jobs/web/config/bpm.yml":    {bpmConfig(s.web.env), 0o640},
		"jobs/gate/bin/post-start":   {script, 0o755},
		"sys/log/gate/.keep":         {nil, 0o644},
		"packages/concourse/version": {[]byte(u.Releases["concourse"]), 0o644},
	} {
		path = filepath.Join(vm, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, file.content, file.mode); err != nil {
			return "", err
		}
	}
	return vm, nil
}

// bpmConfig is what the job web is rendered to: its process with its environment,
// each value as JSON.
func bpmConfig(env []string) []byte {
	var b strings.Builder
	b.WriteString("---\nprocesses:\n- name: web\n  executable: /var/vcap/packages/concourse/bin/concourse\n  args: [web]\n  env:\n")
	for _, each := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(each, "=")
		text, _ := json.Marshal(value) // a string always can be
		fmt.Fprintf(&b, "    %s: %s\n", name, text)
	}
	return []byte(b.String())
}

// logs are the log files of an instance that its jobs have written.
func (s *site) logs(u director.Update) map[string][]byte {
	text, err := os.ReadFile(s.path(postStartLog))
	if err != nil || u.Group != "web" {
		return nil
	}
	return map[string][]byte{boshrelease.GateJob + "/post-start.stdout.log": text}
}
