package upgrade

import (
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/stock"
	"github.com/perpetual-ci/perpetual/pkg/upgrade/plan"
)

// Result is what an upgrade has done or, of a dry run, what it would do. Beside an error
// it holds what the run has come to.
type Result struct {
	// Task is the director task of the deploy, or the last one where none was started; 0
	// for none.
	Task    int
	Became  Became
	Dropped []string // params that do not count, as another run has submitted the task: "canaries"

	Taken    []plan.Taken // releases, stemcells and programs, as people know them
	From, To string       // versions of Concourse: what runs, what is wanted; "" where there is none
	Way      compatibility.Choice

	Pipeline    PipelineResult
	CloudConfig []string         // what of it differs: "~ vm_types/worker/…: m6i.large → m7i.large"
	Uploads     []stock.Artifact // what the director lacks, or has got
	Diff        []bosh.DiffLine
	// Uncompared is why the director could not compare the manifest before the uploads.
	Uncompared error
	// Repeats is the last deploy, which has failed, where a dry run finds only that to repeat.
	Repeats *bosh.Task
	// Joins is the deploy under way that a put would join. It is not Task: check gives it only when it has ended.
	Joins    *bosh.Task
	Deployed []byte   // the manifest before; nil for a first deploy
	Notes    []string // what people should know: "way: note: …"

	// Refused says that the director has refused what this run has submitted last before
	// anything was made of it, or of a deploy of this run before: no VM has been changed.
	Refused bool
}

// PipelineResult is what became of the pipeline.
type PipelineResult struct {
	Skipped string // why none was set; "" where one was
	Ref     concourse.Pipeline
	Change  concourse.PipelineChange
}

// Became is what became of a deploy, as people read it.
type Became string

// What a deploy can become.
const (
	Started         Became = "started"
	Joined          Became = "joined: it was running already"
	StartedBefore   Became = "started by this build before"
	NothingToDeploy Became = "nothing to deploy"
	HandedOver      Became = "handed over to the new Perpetual"
	NothingWould    Became = "dry run: nothing was changed"
	WouldDeploy     Became = "dry run: it would be deployed; nothing was changed"
	WouldJoin       Became = "dry run: it would be joined, as it is running already; nothing was changed"
)

// Upgrades says whether Concourse gets another version.
func (r Result) Upgrades() bool {
	return r.From != "" && r.To != "" && !compatibility.Same(r.From, r.To)
}

// Lines tell what a dry run has found, but for the pipeline: what people should know, and
// what would change.
func (r Result) Lines(deployment string) []string {
	lines := r.Notes
	if len(r.CloudConfig) > 0 {
		lines = append(lines, cloudConfigLines(r.CloudConfig)...)
	}
	if len(r.Uploads) > 0 {
		lines = append(lines, uploadLines(r.Uploads)...)
	}
	switch {
	case r.Uncompared != nil:
		lines = append(lines, uncomparedLine(deployment, r.Uncompared))
	case bosh.Diff{Lines: r.Diff}.Changed():
		lines = append(lines, manifestLines(deployment, r.Diff)...)
	}
	if r.Repeats != nil {
		lines = append(lines, repeatLine(*r.Repeats))
	}
	if r.Joins != nil {
		lines = append(lines, joinLine(*r.Joins))
	}
	return lines
}

// cloudConfigLines show the values that differ.
func cloudConfigLines(differ []string) []string {
	lines := []string{fmt.Sprintf("cloud config: would change: %t", len(differ) > 0)}
	for _, line := range differ {
		lines = append(lines, "  "+line)
	}
	return lines
}

func uploadLines(list []stock.Artifact) []string {
	return append([]string{"would be uploaded: " + stock.Describe(list)}, stock.OriginLines(list)...)
}

func uncomparedLine(deployment string, err error) string {
	return fmt.Sprintf("manifest of %s: the director cannot compare it before that: %v", deployment, err)
}

func manifestLines(deployment string, diff []bosh.DiffLine) []string {
	return append([]string{fmt.Sprintf("manifest of %s would change:", deployment)}, diffLines(diff)...)
}

func repeatLine(t bosh.Task) string {
	return fmt.Sprintf("director task %d, the last deploy, ended as %s: would deploy again", t.ID, t.State)
}

func joinLine(t bosh.Task) string {
	return fmt.Sprintf("director task %d deploys the same content already: would join it", t.ID)
}

// diffLines show a difference of manifests as diff does.
func diffLines(diff []bosh.DiffLine) []string {
	lines := make([]string, len(diff))
	for i, line := range diff {
		mark := " "
		switch line.Op {
		case "added":
			mark = "+"
		case "removed":
			mark = "-"
		}
		lines[i] = "  " + mark + " " + line.Text
	}
	return lines
}
