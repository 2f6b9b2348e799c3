package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/task"
)

// Deploy deploys a manifest as a request would and waits for the end. It
// fails if the task does, and when ctx ends first.
func (d *Deployer) Deploy(ctx context.Context, manifest []byte) (task.Task, error) {
	v, err := document.Parse(manifest)
	doc, ok := v.(document.Mapping)
	if err != nil || !ok || doc.Text("name") == "" {
		return task.Task{}, errors.Join(errors.New("read manifest: not a mapping with a name"), err)
	}
	d.Lock()
	s := submission{document: doc, text: string(manifest)}
	s.cloud, s.runtime = d.configs.Find("cloud", "", 1), d.configs.Find("runtime", "", 1)
	id := d.accept(s, d.user, "")
	d.Unlock()
	done, err := d.queue.Wait(ctx, id)
	if err == nil && done.State != task.StateDone {
		err = fmt.Errorf("deploy %s: task %d is %s", doc.Text("name"), done.ID, done.State)
	}
	return done, err
}
