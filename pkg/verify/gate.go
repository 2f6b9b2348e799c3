package verify

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/boshrelease"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// gateLines is how many of the last lines of the gate's log are shown.
const gateLines = 5

// gateSays gives the last lines that the job beside the web has written, for a deploy
// that ended because it gave up. They are on the VM only, so that the director has to
// fetch them. A log that cannot be had is no reason to say less.
func (v Verification) gateSays(ctx context.Context, deployment string, f task.Failure) []string {
	if !strings.Contains(f.Message, "post-start") || !strings.Contains(f.Message, boshrelease.GateJob) {
		return nil
	}
	group, id, ok := instance(f)
	if !ok {
		return nil
	}
	files, err := v.Director.Logs(ctx, deployment, group, id)
	if err != nil {
		_, _ = fmt.Fprintf(v.Log, "the gate on %s/%s has failed; its log (job %s) cannot be fetched: %v\n", group, id, boshrelease.GateJob, err)
		return nil
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !slices.Contains(strings.Split(path.Clean(name), "/"), boshrelease.GateJob) {
			continue
		}
		for line := range bytes.Lines(files[name]) {
			if text := strings.TrimSpace(string(line)); text != "" {
				lines = append(lines, text)
			}
		}
	}
	return lines[max(0, len(lines)-gateLines):]
}

// instance takes apart the name that the event log has: "web/6f1c… (0) (canary)".
func instance(f task.Failure) (group, id string, ok bool) {
	name, _, _ := strings.Cut(f.Instance, " ")
	return strings.Cut(name, "/")
}
