package director

import (
	"context"
	"errors"
	"fmt"
)

// Deploy deploys a manifest as a request would and waits for the end. It
// fails if the task does, and when ctx ends first.
func (d *deployer) Deploy(ctx context.Context, manifest []byte) (Task, error) {
	v, err := parseYAML(manifest)
	document, ok := v.(mapping)
	if err != nil || !ok || document.text("name") == "" {
		return Task{}, errors.Join(errors.New("read manifest: not a mapping with a name"), err)
	}
	d.Lock()
	s := submission{document: document, text: string(manifest)}
	s.cloud, s.runtime = d.configs.find("cloud", "", 1), d.configs.find("runtime", "", 1)
	id := d.accept(s, d.user, "")
	d.Unlock()
	done, err := d.queue.Wait(ctx, id)
	if err == nil && done.State != StateDone {
		err = fmt.Errorf("deploy %s: task %d is %s", document.text("name"), done.ID, done.State)
	}
	return done, err
}
