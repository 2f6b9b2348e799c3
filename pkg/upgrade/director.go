// Package upgrade is the order of an upgrade: pipeline first, then stemcell and
// releases, then the deploy in the background, and later, in another build, the
// verification. It knows the director and the ATC only through what it asks of them.
package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// Errors that the director's adapter gives.
var (
	// ErrNotFound says that the director has no such deployment or task.
	ErrNotFound = errors.New("not found")
	// ErrRefused says that asking again would be answered in the same way: wrong
	// credentials, an unknown authority, no such team.
	ErrRefused = errors.New("refused")
	// ErrForbidden says that the director's client lacks a right that this call needs.
	ErrForbidden = errors.New("forbidden")
	// ErrUncertain says that a request may or may not have been accepted.
	ErrUncertain = errors.New("the director's answer was lost")
)

// The states of a director task.
const (
	StateQueued     = "queued"
	StateProcessing = "processing"
	StateCancelling = "cancelling"
	StateDone       = "done"
	StateError      = "error"
	StateTimeout    = "timeout"
	StateCancelled  = "cancelled"
)

// deployDescription is what the director calls the task of a deploy; that of a
// stop, start or recreate has the same name.
const deployDescription = "create deployment"

// deleteDescription begins the name of the task of a deletion.
const deleteDescription = "delete deployment"

// Director is what this package asks of a BOSH director.
type Director interface {
	Tasks
	Artifacts
	Deployer
	// Deployment fails with ErrNotFound for a deployment that does not exist.
	Deployment(ctx context.Context, name string) (Deployed, error)
	// Manifest is that of Deployment alone.
	Manifest(ctx context.Context, name string) ([]byte, error)
	// Instances asks the agents, so it takes as long as they do.
	Instances(ctx context.Context, name string) ([]Instance, error)
	// DiskUsage is how full, in percent, the fullest persistent disk of a group is; known
	// is false where no agent says it.
	DiskUsage(ctx context.Context, deployment, group string) (percent int, known bool, err error)
	// Logs fetches the logs of an instance's jobs, by file: "gate/post-start.stdout.log".
	Logs(ctx context.Context, deployment, group, id string) (map[string][]byte, error)
	// ConfigServer says whether the director fills in variables by itself.
	ConfigServer(ctx context.Context) (bool, error)
	// SetCloudConfig sets the default cloud config when it differs. With dryRun
	// it only says whether it would. Before that it tells each value that differs,
	// "~ vm_types/worker/cloud_properties/instance_type: m6i.large → m7i.large".
	SetCloudConfig(ctx context.Context, content []byte, dryRun bool, tell func(line string)) (changed bool, err error)
}

// Tasks reads the director's tasks and locks.
type Tasks interface {
	// Task fails with ErrNotFound.
	Task(ctx context.Context, id int) (Task, error)
	// Tasks gives them by id, lowest first.
	Tasks(ctx context.Context, filter TaskFilter) ([]Task, error)
	// Events gives the events of a task so far.
	Events(ctx context.Context, id int) ([]Event, error)
	// Wait returns when the task has ended, or with an error when ctx has. It
	// never cancels the task.
	Wait(ctx context.Context, id int, report func(Event)) (Task, error)
	// Locks gives those that have not expired.
	Locks(ctx context.Context) ([]Lock, error)
}

// Artifacts are the releases and stemcells on the director.
type Artifacts interface {
	Stemcells(ctx context.Context) ([]Stemcell, error)
	Releases(ctx context.Context) ([]NameVersion, error)
	// Packages are those of one version of a release. It fails with ErrNotFound.
	Packages(ctx context.Context, release NameVersion) ([]Package, error)
	// Admit refuses an artifact whose URL leads to where the server that named it may not
	// send the director.
	Admit(ctx context.Context, a Artifact) error
	// Upload starts the task that fetches or takes one; it does not wait for it. It
	// fails with ErrUncertain when the answer was lost.
	Upload(ctx context.Context, a Artifact) (task int, err error)
}

// Deployer compares and deploys manifests.
type Deployer interface {
	Diff(ctx context.Context, deployment string, manifest []byte) (Diff, error)
	// Deploy submits the manifest once and gives the task that was accepted. It
	// fails with ErrUncertain when the answer was lost.
	Deploy(ctx context.Context, manifest []byte, o DeployOptions) (task int, err error)
}

// Task is a director task. The field order is that of the adapter's own type.
type Task struct {
	ID          int
	State       string // "processing"
	Description string // "create deployment"
	Result      string // "/deployments/concourse", or the start of an error
	User        string // "admin"
	Deployment  string // "concourse"
	ContextID   string // "perpetual-5f1c…", "" for deploys by others
	StartedAt   time.Time
	FinishedAt  time.Time
}

// Finished says whether nothing will happen to the task any more.
func (t Task) Finished() bool {
	switch t.State {
	case StateDone, StateError, StateTimeout, StateCancelled:
		return true
	}
	return false
}

// TaskFilter chooses tasks. Zero fields choose all.
type TaskFilter struct {
	Deployment string
	ContextID  string
	States     []string
	Limit      int
	All        bool // also the minor ones, which the director hides by default
}

// EventError is the Type of the line that says why a task ended badly.
const EventError = "error"

// Event is one line of a task's event log. The field order is that of the
// adapter's own type.
type Event struct {
	Time     time.Time
	Type     string   // "" for a step, EventError, "warning", "deprecation"
	Stage    string   // "Updating instance"
	Task     string   // "worker/6f1c… (0) (canary)"
	Tags     []string // ["worker"]
	Index    int      // 1, of Total
	Total    int
	Progress int    // 0 to 100
	State    string // "started", "in_progress", "finished", "failed"
	Status   string // "executing pre-start"
	Error    string // why a step failed
	Code     int    // 450001, of an EventError
	Message  string // of lines that are not steps
	Raw      json.RawMessage
}

// Lock is a lock that the director holds.
type Lock struct {
	Type     string // "deployment"
	Resource string // "concourse"
	TaskID   string // "17"
}

// What the director has of releases and stemcells.
type (
	// NameVersion names a release or stemcell.
	NameVersion = inventory.NameVersion
	// Stemcell is a stemcell with its OS.
	Stemcell = inventory.Stemcell
	// Package is a package of a release.
	Package = inventory.Package
)

// Artifact is a release or stemcell to bring to the director: from a URL, which
// the director fetches and checks by itself, or from a file.
type Artifact struct {
	Stemcell     bool   // otherwise a release
	Name         string // of a stemcell: or its OS
	OS           string
	Version      string
	URL          string
	Network      dial.Network // of the server that named the URL
	Given        bool         // no server did, but the manifest, which is an operator's
	SHA1, SHA256 string       // SHA1 as BOSH takes it: 40 hex digits, or "sha256:9f86d0…"
	File         string       // path; wins over URL
	Content      []byte       // of a release that this program has made; wins over File
	Fix          bool         // replace what is damaged there
	ContextID    string       // by which the task of its upload is found, at most 64 characters
	flawed       bool         // it is listed, and not usable as it is there
}

// Deployed is what the director has recorded of a deployment.
type Deployed struct {
	Manifest  []byte // YAML; empty after a first deploy that failed
	Releases  []NameVersion
	Stemcells []NameVersion
}

// Diff is the director's comparison of a manifest with what is deployed,
// with properties redacted.
type Diff struct {
	Lines   []DiffLine
	Context json.RawMessage // the configs it was made with; goes back with the deploy
}

// DiffLine is a line of a difference.
type DiffLine struct {
	Op   string // "added", "removed", "" for context
	Text string // "  version: 8.2.5"
}

// Changed says whether the difference is one.
func (d Diff) Changed() bool {
	for _, line := range d.Lines {
		if line.Op != "" {
			return true
		}
	}
	return false
}

// DeployOptions go with a deploy, named as the bosh CLI's flags.
type DeployOptions struct {
	ContextID   string // identifies the operation, at most 64 characters
	DiffContext json.RawMessage
	Recreate    bool
	Fix         bool
	SkipDrain   []string // instance groups, or "*"
	Canaries    string   // "1", "10%", "" for the manifest's
	MaxInFlight string
}

// Instance is a VM of a deployment as its agent reports it.
type Instance struct {
	Group string // "worker"
	ID    string // "6f1c…"
	Index int
	State string // "running", "failing", "unresponsive agent"; "" without a VM
	Agent string // "aaaaaaaa-bbbb-…", the id of its VM's agent; "" without a VM
	// Wanted is what an operator has asked for: "started", "stopped" (bosh stop)
	// or "detached" (bosh stop --hard).
	Wanted string
}
