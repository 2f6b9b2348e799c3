package installation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/demo/stage"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
)

// runTask runs perpetual as the container of a task does: with nothing but the
// simulated world, the params and the inputs around it.
func (i *install) runTask(ctx context.Context, t player.TaskRun) error {
	if t.Path != "bash" { // of what the image has, the pipeline uses that and perpetual
		return fmt.Errorf("run task %s: exec: %q: executable file not found in $PATH", t.Name, t.Path)
	}
	home, err := os.MkdirTemp("", "task-home-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(home) }()
	env := maps.Clone(i.site.Env())
	for _, mine := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"} {
		delete(env, mine)
	}
	env["HOME"] = home
	if env["PATH"], err = i.programs(home, env["PATH"]); err != nil {
		return err
	}
	for _, param := range t.Env {
		name, value, _ := strings.Cut(param, "=")
		env[name] = value
	}
	i.keys = keysOf(env)
	i.facts.ownKeys = slices.Contains(i.site.AWS.AccessKeys(i.userOf("PipelineUser")), i.keys.id)
	who := t.Job + " #" + t.Build
	i.line.Add(who, "in "+t.Image+": perpetual "+strings.Join(t.Args[min(2, len(t.Args)):], " "))
	var result deployed
	drains := i.site.WebDrains()
	if err := i.perform(ctx, command{who: who, dir: t.Dir, env: env, shell: t.Path, args: t.Args, log: t.Log}, &result); err != nil {
		return err
	}
	i.facts.inside = append(i.facts.inside, result)
	if result.Changed && result.Task > 0 {
		i.holdBuild(ctx, drains, result.Task)
	}
	return nil
}

// holdBuild keeps the build whose deploy was accepted open until the web has been told
// to stop, as a worker at work may: the web has to wait for it. Without that the order
// of the two would be chance. A deploy without the web ends first.
func (i *install) holdBuild(ctx context.Context, drains <-chan struct{}, task int) {
	ended := make(chan struct{})
	i.beside.Go(func() {
		defer close(ended)
		i.follow(task)
	})
	select {
	case <-drains:
		stage.Linger(ctx)
		i.line.Add("Concourse", "the web has been told to stop, and this build ends now")
	case <-ended:
	case <-ctx.Done():
	}
}

// programs makes the folder in which a task finds perpetual, before those of path.
func (i *install) programs(home, path string) (string, error) {
	dir := filepath.Join(home, "bin")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return dir + ":" + cmp.Or(path, os.Getenv("PATH")), os.Symlink(i.installer, filepath.Join(dir, "perpetual"))
}
